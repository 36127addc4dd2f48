//! Progress of long work: a bar with rate and time left on a terminal, a plain line now and then elsewhere.

use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// Seconds between plain lines.
const PLAIN_INTERVAL: Duration = Duration::from_secs(15);

/// The progress of one piece of work of a known number of steps.
#[derive(Debug)]
pub struct Progress {
    label: String,
    total: u64,
    done: u64,
    begun: Instant,
    /// Where a resumed run begins: what was done earlier tells nothing of today's rate.
    offset: u64,
    look: Look,
}

#[derive(Debug)]
enum Look {
    Bar(ProgressBar),
    Lines { last: Instant },
    Silent,
}

impl Progress {
    /// Begins at step `done` of `total`.
    #[must_use]
    pub fn new(label: &str, done: u64, total: u64) -> Self {
        let now = Instant::now();
        let look = if std::io::stderr().is_terminal() {
            let bar = ProgressBar::new(total).with_position(done);
            let template = "{prefix} {wide_bar:.cyan/blue} {pos}/{len} [{elapsed}<{eta}] {msg}";
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style);
            }
            bar.set_prefix(label.to_owned());
            bar.reset_eta();
            Look::Bar(bar)
        } else {
            Look::Lines { last: now }
        };
        Self { label: label.to_owned(), total, done, begun: now, offset: done, look }
    }

    /// Shows nothing: for tests and for parts of other work.
    #[must_use]
    pub fn silent() -> Self {
        Self { label: String::new(), total: 0, done: 0, begun: Instant::now(), offset: 0, look: Look::Silent }
    }

    /// One more step is done; `message` is formatted only when it is shown.
    pub fn step(&mut self, message: impl FnOnce() -> String) {
        self.reach(self.done + 1, message);
    }

    /// So many steps are done in all.
    pub fn reach(&mut self, done: u64, message: impl FnOnce() -> String) {
        self.done = done;
        let left = self.time_left();
        match &mut self.look {
            Look::Bar(bar) => {
                bar.set_position(self.done);
                bar.set_message(message());
            }
            Look::Lines { last } if last.elapsed() >= PLAIN_INTERVAL => {
                *last = Instant::now();
                eprintln!("{}: {}/{}, {} left, {}", self.label, self.done, self.total, left, message());
            }
            Look::Lines { .. } | Look::Silent => {}
        }
    }

    /// Prints a line without disturbing the bar.
    pub fn note(&self, line: &str) {
        match &self.look {
            Look::Bar(bar) => bar.suspend(|| eprintln!("{line}")),
            Look::Lines { .. } => eprintln!("{line}"),
            Look::Silent => {}
        }
    }

    /// Prints to standard output without disturbing the bar.
    pub fn print(&self, text: &str) {
        match &self.look {
            Look::Bar(bar) => bar.suspend(|| println!("{text}")),
            Look::Lines { .. } | Look::Silent => println!("{text}"),
        }
    }

    /// Takes the bar away.
    pub fn finish(self) {
        if let Look::Bar(bar) = &self.look {
            bar.finish_and_clear();
        }
    }

    fn time_left(&self) -> String {
        let done = self.done.saturating_sub(self.offset);
        if done == 0 {
            return "?".into();
        }
        let left = self.total.saturating_sub(self.done);
        duration(self.begun.elapsed().as_secs_f64() / done as f64 * left as f64)
    }
}

/// Seconds for people: `42s`, `3m 20s`, `2h 5m`.
#[must_use]
pub fn duration(seconds: f64) -> String {
    let whole = seconds.max(0.0).round() as u64;
    match whole {
        0..60 => format!("{whole}s"),
        60..3600 => format!("{}m {}s", whole / 60, whole % 60),
        _ => format!("{}h {}m", whole / 3600, whole % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::duration;

    #[test]
    fn durations_are_for_people() {
        assert_eq!(duration(0.2), "0s");
        assert_eq!(duration(59.6), "1m 0s");
        assert_eq!(duration(7500.0), "2h 5m");
    }
}
