//! The processes of the demonstration: this program, started again as the `quorate` command.
//!
//! A process that serves has a pipe as its standard input and ends when that ends, which it does however this program
//! ends. So nothing is left running, even after SIGKILL.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::{self, BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;

use crate::failure::{Failure, Result, doing};

/// First word of a process that is one `quorate` command.
const RUN: &str = "run-quorate";
/// First word of a process that serves for as long as its standard input is open.
const SERVE: &str = "serve-quorate";
/// How wide the text of commands may be, so that it fits behind an indent.
const COLUMNS: &str = "74";

/// Is this process one that the demonstration started? Then it does what it was started for.
pub(crate) fn as_quorate() -> Option<ExitCode> {
    let mut words = std::env::args_os().skip(1);
    let first = words.next()?;
    if first == SERVE {
        std::thread::spawn(|| {
            let _ended = io::copy(&mut io::stdin().lock(), &mut io::sink());
            // Safe at any moment: what was acknowledged is durable.
            std::process::exit(0);
        });
    } else if first != RUN {
        return None;
    }
    let program = OsString::from("quorate");
    Some(quorate_cli::main([program].into_iter().chain(words)))
}

/// What one command said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

type Children = BTreeMap<u32, Child>;

/// The folder of the demonstration and every process that runs in it.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    dir: PathBuf,
    program: PathBuf,
    children: Arc<Mutex<Children>>,
    stopping: Arc<AtomicBool>,
}

/// A process that serves; killed when dropped.
#[derive(Debug)]
pub(crate) struct Running {
    id: u32,
    children: Arc<Mutex<Children>>,
    /// The first line it printed.
    pub(crate) start: Value,
}

/// A panic elsewhere must not keep processes from being ended.
fn lock(children: &Mutex<Children>) -> MutexGuard<'_, Children> {
    children.lock().unwrap_or_else(PoisonError::into_inner)
}

fn end(mut child: Child) {
    let _gone = child.kill();
    let _reaped = child.wait();
}

impl Drop for Running {
    fn drop(&mut self) {
        let child = lock(&self.children).remove(&self.id);
        child.into_iter().for_each(end);
    }
}

impl Running {
    /// Where it listens, under this member of what it printed.
    pub(crate) fn address(&self, member: &str) -> Result<String> {
        let url = self.start.get(member).and_then(Value::as_str);
        let address = url.and_then(|url| url.strip_prefix("http://"));
        address.map(str::to_owned).ok_or_else(|| Failure::Answer {
            from: "a process at its start".to_owned(),
            said: self.start.to_string(),
        })
    }
}

impl Place {
    pub(crate) fn new(dir: &Path) -> Result<Self> {
        Ok(Self {
            dir: dir.to_owned(),
            program: doing("find this program", std::env::current_exe())?,
            children: Arc::default(),
            stopping: Arc::default(),
        })
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    pub(crate) fn read(&self, name: &str) -> Result<String> {
        doing(
            format!("read {name}"),
            std::fs::read_to_string(self.path(name)),
        )
    }

    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) -> Result<()> {
        doing(
            format!("write {name}"),
            std::fs::write(self.path(name), text),
        )
    }

    /// Nothing of the caller's environment takes part.
    fn quorate(&self, mode: &str, data: &str) -> Command {
        let mut command = Command::new(&self.program);
        command
            .env_clear()
            .env("HOME", &self.dir)
            .env("COLUMNS", COLUMNS)
            .current_dir(&self.dir)
            .args([mode, "--data-dir", data]);
        command
    }

    /// Runs a command on a data directory and waits for it.
    pub(crate) fn run(&self, data: &str, words: &[&str]) -> Result<Said> {
        let mut command = self.quorate(RUN, data);
        let done = command.args(words).stdin(Stdio::null()).output();
        let done = doing(shown(words), done)?;
        Ok(Said {
            code: done.status.code(),
            stdout: String::from_utf8_lossy(&done.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&done.stderr).into_owned(),
        })
    }

    /// The same for a command that has to work; what it printed.
    pub(crate) fn done(&self, data: &str, words: &[&str]) -> Result<String> {
        let said = self.run(data, words)?;
        if said.code == Some(0) {
            return Ok(said.stdout);
        }
        Err(Failure::Command {
            command: shown(words),
            said: said.stderr,
        })
    }

    /// The same for one that answers in JSON.
    pub(crate) fn json(&self, data: &str, words: &[&str]) -> Result<Value> {
        let text = self.done(data, &[words, &["--json"]].concat())?;
        serde_json::from_str(&text).map_err(|_| Failure::Answer {
            from: shown(words),
            said: text,
        })
    }

    /// Starts a process that serves, and waits until it says so. Its log is `DATA.log`.
    pub(crate) fn serve(&self, data: &str, words: &[&str]) -> Result<Running> {
        let log_name = format!("{data}.log");
        let mut options = std::fs::OpenOptions::new();
        let log = options.create(true).append(true).open(self.path(&log_name));
        let log = doing(format!("open {log_name}"), log)?;
        let mut command = self.quorate(SERVE, data);
        command
            .args(words)
            .arg("--json")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log);
        let mut child = doing(shown(words), command.spawn())?;
        let mut line = String::new();
        let read = child
            .stdout
            .take()
            .map(|out| BufReader::new(out).read_line(&mut line));
        let id = child.id();
        lock(&self.children).insert(id, child);
        let running = |start| Running {
            id,
            children: Arc::clone(&self.children),
            start,
        };
        match (read, serde_json::from_str(&line)) {
            (Some(Ok(_)), Ok(start)) => Ok(running(start)),
            _ => {
                drop(running(Value::Null));
                Err(Failure::Command {
                    command: shown(words),
                    said: self.read(&log_name)?,
                })
            }
        }
    }

    /// Waits for ever if everything is being ended: what the demonstration found then says nothing.
    pub(crate) fn stay_if_stopping(&self) {
        while self.stopping.load(Ordering::SeqCst) {
            std::thread::park();
        }
    }

    /// Removes the folder, also from under a command that is still writing into it.
    pub(crate) fn remove(&self) {
        for _ in 0..200 {
            match std::fs::remove_dir_all(&self.dir) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {}
                _ => return,
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        eprintln!("quorate-demo: {} could not be removed", self.dir.display());
    }

    /// Ends every process, for good: whoever wants one in the meantime waits for ever.
    pub(crate) fn end_all(&self) -> impl Drop + '_ {
        self.stopping.store(true, Ordering::SeqCst);
        let mut children = lock(&self.children);
        std::mem::take(&mut *children).into_values().for_each(end);
        children
    }
}

/// A command line as one would type it.
fn shown(words: &[&str]) -> String {
    format!("quorate {}", words.join(" "))
}

/// A copy of a data directory as a snapshot of its disk would be. Its sockets are no data.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<()> {
    fn folder(from: &Path, to: &Path) -> io::Result<()> {
        std::fs::create_dir(to)?;
        for entry in std::fs::read_dir(from)? {
            let entry = entry?;
            let (kind, name) = (entry.file_type()?, entry.file_name());
            let name: &OsStr = &name;
            if kind.is_dir() {
                folder(&from.join(name), &to.join(name))?;
            } else if kind.is_file() {
                std::fs::copy(from.join(name), to.join(name))?;
            }
        }
        Ok(())
    }
    doing(format!("copy {}", from.display()), folder(from, to))
}
