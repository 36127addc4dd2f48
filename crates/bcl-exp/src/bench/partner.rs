//! A Python process that does rounds of another library's work when asked, so that its rounds take turns with ours.
//!
//! A partner's script prints one line of JSON, `{"ready": "its versions"}`, then answers each line of JSON that it reads,
//! a request, with one line of JSON when the work is done. It ends when its input does. Whatever goes wrong is kept as the
//! partner's failure: a comparison that cannot be made does not end a benchmark.

use super::clock::Case;
use crate::broken_pipe;
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::cell::RefCell;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// The comparison's environment, made by `scripts/setup_comparison.sh` at the repository's root.
const ENVIRONMENT: &str = ".venv-compare/bin/python";

/// How long a partner may take to import its libraries, or to do a round.
const PATIENCE: Duration = Duration::from_secs(600);

/// A running partner, or what became of it.
#[derive(Debug)]
pub struct Partner {
    name: String,
    versions: String,
    process: RefCell<Result<Process, String>>,
}

impl Partner {
    /// Starts `script`, the text of a Python program, with `args`. `python` is the interpreter; without one it is that of the
    /// comparison's environment, looked for here and in the folders above. Where there is none, or the script does not come up,
    /// a line says why and what to do.
    #[must_use]
    pub fn start(name: &str, python: Option<&Path>, script: &str, args: &[&str]) -> Option<Self> {
        let found = python.map(Path::to_owned).or_else(environment);
        let Some(python) = found else {
            println!("{name}: not measured; scripts/setup_comparison.sh sets it up, or give --python PATH");
            return None;
        };
        match Process::start(&python, script, args) {
            Ok((process, versions)) => {
                Some(Self { name: name.to_owned(), versions, process: RefCell::new(Ok(process)) })
            }
            Err(error) => {
                println!("{name}: not measured; {}: {error:#}", python.display());
                None
            }
        }
    }

    /// The versions that it named.
    #[must_use]
    pub fn versions(&self) -> &str {
        &self.versions
    }

    /// Does one round and returns its answer; `None` once the partner has failed.
    pub fn round(&self, request: &Value) -> Option<Value> {
        let mut process = self.process.borrow_mut();
        let answer = process.as_mut().ok()?.ask(request);
        answer.map_err(|error| *process = Err(format!("{error:#}"))).ok()
    }

    /// A round as something to time. The pipe costs some ten microseconds: a round should take milliseconds.
    pub fn case<'a>(&'a self, name: impl Into<String>, request: Value) -> Case<'a> {
        Case::new(name, move || {
            self.round(&request);
            Ok(())
        })
    }

    /// Says so if a round has failed: the times of its cases are then worth nothing.
    pub fn failed(&self) -> bool {
        let process = self.process.borrow();
        if let Err(error) = &*process {
            println!("{}: not measured; {error}", self.name);
        }
        process.is_err()
    }
}

/// The environment's interpreter, from here upwards.
fn environment() -> Option<PathBuf> {
    let here = std::env::current_dir().ok()?;
    here.ancestors().map(|folder| folder.join(ENVIRONMENT)).find(|python| python.exists())
}

/// The child and the threads that read what it writes.
#[derive(Debug)]
struct Process {
    child: Child,
    input: ChildStdin,
    answers: Receiver<String>,
    /// What it complains of.
    complaints: Option<JoinHandle<String>>,
}

impl Process {
    fn start(python: &Path, script: &str, args: &[&str]) -> Result<(Self, String)> {
        let mut child = Command::new(python)
            .args(["-c", script])
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot be started")?;
        let (Some(input), Some(output), Some(errors)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            bail!("has no pipes");
        };
        let (sender, answers) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(std::io::Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let complaints = std::thread::spawn(move || {
            let mut text = Vec::new();
            // What cannot be read is not said.
            let _ = BufReader::new(errors).read_to_end(&mut text);
            String::from_utf8_lossy(&text).into_owned()
        });
        let mut process = Self { child, input, answers, complaints: Some(complaints) };
        let ready = process.answer()?;
        let Some(versions) = ready["ready"].as_str() else {
            bail!("expected {{\"ready\": VERSIONS}}, got {ready}");
        };
        Ok((process, versions.to_owned()))
    }

    fn ask(&mut self, request: &Value) -> Result<Value> {
        // Where it cannot be written the process has ended, and the missing answer says why.
        let _ = broken_pipe::tolerated(|| writeln!(self.input, "{request}"));
        self.answer()
    }

    fn answer(&mut self) -> Result<Value> {
        match self.answers.recv_timeout(PATIENCE) {
            Ok(line) => {
                serde_json::from_str(&line).with_context(|| format!("expected a line of JSON, got {line:?}"))
            }
            Err(RecvTimeoutError::Timeout) => bail!("no answer within {} seconds", PATIENCE.as_secs()),
            Err(RecvTimeoutError::Disconnected) => {
                let status = self.child.wait()?;
                let text = self.complaints.take().and_then(|reader| reader.join().ok()).unwrap_or_default();
                let last = text.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("without a word");
                bail!("ended ({status}): {last}")
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It has nothing to lose, and may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    /// Scripts for `sh`, which takes `-c` too.
    fn partner(script: &str) -> Option<Partner> {
        Partner::start("test", Some(Path::new("/bin/sh")), script, &[])
    }

    #[test]
    fn a_round_is_answered_and_an_end_is_told() {
        let partner =
            partner("echo '{\"ready\": \"sh 1\"}'; read line; echo $line; echo so it goes >&2").unwrap();
        assert_eq!(partner.versions(), "sh 1");
        let request = serde_json::json!({ "side": 32 });
        assert_eq!(partner.round(&request), Some(request.clone()));
        assert!(!partner.failed());
        assert_eq!(partner.round(&request), None);
        assert!(partner.failed() && partner.round(&request).is_none());
        assert!(partner.process.borrow().as_ref().unwrap_err().contains("so it goes"));
    }

    #[test]
    fn what_does_not_come_up_is_not_a_partner() {
        for script in ["exit 3", "echo hello", "echo '{\"steady\": 1}'"] {
            assert!(partner(script).is_none(), "{script}");
        }
        assert!(Partner::start("test", Some(Path::new("/nowhere/python")), "", &[]).is_none());
    }
}
