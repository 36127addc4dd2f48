//! `bcl-exp data fetch`: downloads with a bar, then the same checks as `verify`.

use super::{list::megabytes, verify};
use crate::machine;
use anyhow::{Context, Result, ensure};
use bcl_data::catalog;
use bcl_data::fetch::{self, Event, Options, Source};
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

pub(super) const HELP: &str = "\
Examples:
  bcl-exp data fetch cifar10 --data data
  bcl-exp data fetch stl10 --mirror https://mirror.example.org/datasets
  bcl-exp data fetch cifar10 --mirror ~/Downloads       an archive that is there already

An archive that lies in DIR is used instead of a download, and removed once it is unpacked, unless --keep-archive; that of a
--mirror folder stays. A broken download is gone on with by the same command. Until the set is whole its folder is not there.
Proxies are taken from HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY.";

/// Options of `bcl-exp data fetch`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Names of data sets, as in `bcl-exp data list`
    #[arg(value_name = "NAME", required = true)]
    pub names: Vec<String>,
    /// Folder that holds the data sets
    #[arg(long, value_name = "DIR", default_value = "data")]
    pub data: PathBuf,
    /// Another place: an address or folder that holds the archives, or the archive itself
    #[arg(long, value_name = "ADDRESS")]
    pub mirror: Option<String>,
    /// Keep the archive beside the unpacked set
    #[arg(long)]
    pub keep_archive: bool,
    /// Seconds without a byte after which a connection is given up and tried again
    #[arg(long, value_name = "S", default_value_t = 60)]
    pub stall: u64,
}

/// Fetches each set that is not there.
pub(super) fn run(args: &Args) -> Result<()> {
    ensure!((1..=3600).contains(&args.stall), "--stall: expected 1 to 3600 seconds, got {}", args.stall);
    let sources: Vec<Source> = args.names.iter().map(|name| fetch::source(name)).collect::<Result<_, _>>()?;
    let mut options =
        Options { mirror: args.mirror.clone(), keep_archive: args.keep_archive, ..Options::default() };
    options.network.stall = Duration::from_secs(args.stall);
    for source in &sources {
        if catalog::locate(&source.set, &args.data).is_present() {
            println!("{} is there already; `bcl-exp data verify {}` checks it", source.set, source.set);
            continue;
        }
        one(source, &args.data, &options)?;
    }
    Ok(())
}

fn one(source: &Source, data: &Path, options: &Options) -> Result<()> {
    std::fs::create_dir_all(data).with_context(|| format!("cannot create {}", data.display()))?;
    // The archive and what comes out of it, which is about as large again.
    let needed = 2 * source.download;
    if let Some(free) = machine::free_space(data) {
        let place = data.display();
        ensure!(
            free >= needed,
            "{place}: expected {} of free space, got {}",
            megabytes(needed),
            megabytes(free)
        );
    }
    let mut view = View::new();
    let folder = fetch::fetch(source, data, options, &mut |event| view.show(event))
        .with_context(|| format!("{}: not fetched", source.set))?;
    view.finish();
    println!("{} is in {}", source.set, folder.display());
    let damaged = verify::report(&source.set, data)?;
    ensure!(damaged == 0, "{}: {damaged} file(s) of the archive are not as expected", source.set);
    Ok(())
}

/// Seconds between lines where there is no terminal.
const PLAIN_INTERVAL: Duration = Duration::from_secs(10);

/// A bar on a terminal, a line now and then elsewhere.
struct View {
    bar: Option<ProgressBar>,
    last: Instant,
}

impl View {
    fn new() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::no_length();
            let template =
                "{prefix} {wide_bar:.cyan/blue} {bytes}/{total_bytes} {bytes_per_sec} [{elapsed}<{eta}]";
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style);
            }
            bar
        });
        Self { bar, last: Instant::now() }
    }

    fn say(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| eprintln!("{line}")),
            None => eprintln!("{line}"),
        }
    }

    fn show(&mut self, event: Event<'_>) {
        match event {
            Event::Archive { file, from } => self.say(&format!("{file}: from {from}")),
            Event::Retry { reason, attempt } => self.say(&format!("{reason}; try {attempt}")),
            Event::Bytes { done, total } => self.progress("download", done, total),
            Event::Unpacked { bytes } => self.progress("unpacking", bytes, None),
            _ => {}
        }
    }

    fn progress(&mut self, what: &'static str, done: u64, total: Option<u64>) {
        if let Some(bar) = &self.bar {
            bar.set_prefix(what);
            match total {
                Some(total) => bar.set_length(total),
                None => bar.unset_length(),
            }
            bar.set_position(done);
        } else if self.last.elapsed() >= PLAIN_INTERVAL {
            self.last = Instant::now();
            let of = total.map_or(String::new(), |total| format!(" of {}", megabytes(total)));
            eprintln!("{what}: {}{of}", megabytes(done));
        }
    }

    fn finish(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}
