//! A node of our own to measure: started on a data directory and a free port, stopped, looked at from outside.

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::failure::{Doing, Failure, Result};
use crate::http::Target;

/// How long a node may take to answer before the run is given up.
const START_LIMIT: Duration = Duration::from_secs(120);

/// A running node; killed when dropped.
pub(crate) struct Node {
    child: Child,
    address: SocketAddr,
    data: PathBuf,
    /// From starting the program to its first answer.
    pub(crate) started_in: Duration,
}

impl Node {
    /// Starts `program up` on `data`, with `before` (a tracer and its arguments) in front if not empty.
    pub(crate) fn start(program: &Path, data: &Path, before: &[&str]) -> Result<Self> {
        let address = free_address()?;
        let listen = address.to_string();
        let words = ["up", "--listen", &listen];
        Self::start_with(program, data, before, &words, address, "/healthz", 200)
    }

    /// Starts the program with these words and waits until `GET path` on `address` answers with `status`.
    pub(crate) fn start_with(
        program: &Path,
        data: &Path,
        before: &[&str],
        command: &[&str],
        address: SocketAddr,
        path: &str,
        status: u16,
    ) -> Result<Self> {
        let log =
            fs::File::create(data.with_extension("log")).doing("create the node's log file")?;
        let errors = log.try_clone().doing("share the node's log file")?;
        let program = program.to_string_lossy().into_owned();
        let mut words: Vec<&str> = before.to_vec();
        words.extend([&*program, "--data-dir"]);
        let began = Instant::now();
        let child = Command::new(words[0])
            .args(&words[1..])
            .arg(data)
            .args(command)
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            .spawn()
            .doing(format!("start {}", words[0]))?;
        let mut node = Self {
            child,
            address,
            data: data.to_owned(),
            started_in: Duration::ZERO,
        };
        let target = Target {
            address,
            token: String::new(),
        };
        loop {
            if let Ok(answer) = target.call("GET", path, "text/plain", b"") {
                answer.expect(status, "the first answer")?;
                node.started_in = began.elapsed();
                return Ok(node);
            }
            if let Some(status) = node.child.try_wait().doing("wait for the node")? {
                let said = fs::read_to_string(data.with_extension("log")).unwrap_or_default();
                return Err(Failure::Missing(format!(
                    "the node stopped at its start ({status}):\n{said}"
                )));
            }
            if began.elapsed() > START_LIMIT {
                return Err(Failure::Missing(format!(
                    "the node did not answer within {START_LIMIT:?}"
                )));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Where to send requests, as the operator.
    pub(crate) fn target(&self) -> Result<Target> {
        let token =
            fs::read_to_string(self.data.join("operator.token")).doing("read operator.token")?;
        Ok(Target {
            address: self.address,
            token: token.trim_end().to_owned(),
        })
    }

    /// Stops the node as an operator would and waits for it.
    pub(crate) fn stop(mut self) -> Result<()> {
        let pid = self.pid().to_string();
        Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .doing("run kill")?;
        let began = Instant::now();
        while self.child.try_wait().doing("wait for the node")?.is_none() {
            if began.elapsed() > START_LIMIT {
                return Err(Failure::Broken(
                    "the node did not stop on SIGTERM".to_owned(),
                ));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Kills the node: no chance to write anything.
    pub(crate) fn kill(mut self) -> Result<()> {
        self.end().doing("kill the node")
    }

    /// Ends node and tracer. A node that outlived its tracer would go on writing.
    fn end(&mut self) -> io::Result<()> {
        if self.child.try_wait()?.is_some() {
            return Ok(());
        }
        let traced = self.pid();
        if traced != self.child.id() {
            Command::new("kill")
                .args(["-KILL", &traced.to_string()])
                .status()?;
        }
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// The node's process: the child, or the tracer's child.
    fn pid(&self) -> u32 {
        let own = self.child.id();
        fs::read_to_string(format!("/proc/{own}/task/{own}/children"))
            .ok()
            .and_then(|children| children.split_whitespace().next()?.parse().ok())
            .unwrap_or(own)
    }

    /// Resident memory in KiB: now, and at its highest.
    pub(crate) fn memory_kib(&self) -> Result<(u64, u64)> {
        let path = format!("/proc/{}/status", self.pid());
        let status = fs::read_to_string(&path).doing(format!("read {path}"))?;
        let field = |name: &str| {
            status
                .lines()
                .find_map(|line| {
                    line.strip_prefix(name)?
                        .trim()
                        .strip_suffix(" kB")?
                        .trim()
                        .parse()
                        .ok()
                })
                .ok_or_else(|| Failure::Missing(format!("{path} has no {name}")))
        };
        Ok((field("VmRSS:")?, field("VmHWM:")?))
    }

    /// Processor time the node has used.
    pub(crate) fn cpu(&self) -> Duration {
        cpu_of(&self.pid().to_string())
    }

    /// The data directory.
    pub(crate) fn data(&self) -> &Path {
        &self.data
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Err(e) = self.end() {
            eprintln!("the node may still run: {e}");
        }
    }
}

/// Processor time of this process.
pub(crate) fn own_cpu() -> Duration {
    cpu_of("self")
}

/// User and system time of a process, to a hundredth of a second; zero if it cannot be read.
fn cpu_of(pid: &str) -> Duration {
    let ticks = fs::read_to_string(format!("/proc/{pid}/stat"))
        .ok()
        .and_then(|stat| {
            // The second field is a name in parentheses that may hold anything; fields 14 and 15 are the times.
            let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
            Some(fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?)
        });
    Duration::from_millis(10 * ticks.unwrap_or(0))
}

pub(crate) fn free_address() -> Result<SocketAddr> {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .doing("find a free port")
}

/// Bytes that a directory takes on disk: allocated blocks, so that holes do not count and slack does.
pub(crate) fn disk_use(dir: &Path) -> Result<u64> {
    let mut total = 0;
    for entry in fs::read_dir(dir).doing(format!("read {}", dir.display()))? {
        let entry = entry.doing("read a directory entry")?;
        let meta = entry.metadata().doing("read metadata")?;
        total += if meta.is_dir() {
            disk_use(&entry.path())?
        } else {
            meta.blocks() * 512
        };
    }
    Ok(total)
}

/// Makes a scroll; one that is already there will do.
pub(crate) fn create_scroll(target: &Target, name: &str, format: &str) -> Result<()> {
    let body =
        format!("{{\"name\":\"{name}\",\"format\":\"{format}\",\"visibility\":\"restricted\"}}");
    let answer = target.call("POST", "/scrolls", "application/json", body.as_bytes())?;
    match answer.status {
        201 | 409 => Ok(()),
        _ => Err(answer.into_failure("POST /scrolls")),
    }
}
