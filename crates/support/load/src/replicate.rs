//! Files as another machine fetches them: verified while they arrive, from a program that serves them, over loopback.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use quorate_replication::{Ticket, fetch};

use crate::failure::{Doing, Failure, Result};
use crate::table::{Figure, thousands};

/// Fetches, each into an empty folder.
const ROUNDS: usize = 5;
const MEBIBYTE: usize = 1 << 20;

/// A program that serves, until it is dropped.
struct Serving(Child);

impl Drop for Serving {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _reaped = self.0.wait();
    }
}

/// Publishes a file of so many MiB with the program, and fetches it into this process.
pub(crate) fn figures(program: &Path, work: &Path, mebibytes: u64) -> Result<Vec<Figure>> {
    let work = tempfile::tempdir_in(work).doing("make a folder")?;
    let file = work.path().join("file");
    noise(&file, mebibytes)?;
    let (_serving, ticket) = publish(program, work.path(), &file)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .doing("start a runtime")?;
    let bytes = mebibytes << 20;
    let mut times = Vec::new();
    for round in 0..ROUNDS {
        let folder = work.path().join(round.to_string());
        let began = Instant::now();
        let fetched = runtime.block_on(fetch(&folder, &ticket, bytes, |_, _| {}));
        let elapsed = began.elapsed();
        let fetched = fetched.map_err(|e| Failure::Broken(format!("nothing was fetched: {e}")))?;
        if fetched.size() != bytes || fetched.resumed() != 0 {
            return Err(Failure::Broken("another file was fetched".to_owned()));
        }
        let removed = fetched.remove();
        removed.map_err(|e| Failure::Broken(format!("what was fetched stays: {e}")))?;
        times.push(elapsed);
    }
    times.sort_unstable();
    let median = times.get(ROUNDS / 2).copied().unwrap_or(Duration::MAX);
    let rate = speed(bytes, median);
    let slowest = times.last().copied().unwrap_or(Duration::MAX);
    Ok(vec![Figure {
        name: format!(
            "fetch a file of {} MB over loopback, verified and written",
            thousands(bytes / 1_000_000)
        ),
        measured: format!(
            "{rate:.0} MB/s (median of {ROUNDS}; the slowest {:.0})",
            speed(bytes, slowest)
        ),
        target: "≥ 200 MB/s",
        met: Some(rate >= 200.0),
        command: format!("replicate --mebibytes {mebibytes}"),
    }])
}

fn speed(bytes: u64, time: Duration) -> f64 {
    // Below 2^53 bytes.
    #[expect(clippy::cast_precision_loss, reason = "a rate is read to three digits")]
    let bytes = bytes as f64;
    bytes / 1e6 / time.as_secs_f64()
}

/// A file that nothing compresses.
fn noise(path: &Path, mebibytes: u64) -> Result<()> {
    let mut random = File::open("/dev/urandom").doing("read random bytes")?;
    let mut file = File::create(path).doing("make the file")?;
    let mut piece = vec![0; MEBIBYTE];
    for _ in 0..mebibytes {
        random.read_exact(&mut piece).doing("read random bytes")?;
        file.write_all(&piece).doing("write the file")?;
    }
    file.sync_all().doing("sync the file")
}

fn publish(program: &Path, work: &Path, file: &Path) -> Result<(Serving, Ticket)> {
    let mut child = Command::new(program)
        .arg("--json")
        .arg("--data-dir")
        .arg(work.join("publisher"))
        .args(["bundle", "publish", "--bind", "127.0.0.1:0"])
        .arg(file)
        .stdout(Stdio::piped())
        .spawn()
        .doing(format!("start {}", program.display()))?;
    let stdout = child.stdout.take();
    let serving = Serving(child);
    let said = |why: &str| Failure::Missing(format!("the program published nothing: {why}"));
    let stdout = stdout.ok_or_else(|| said("no output"))?;
    let mut lines = BufReader::new(stdout).lines();
    let shown = lines.next().ok_or_else(|| said("it ended"))?;
    let shown: serde_json::Value =
        serde_json::from_str(&shown.doing("read its output")?).map_err(|e| said(&e.to_string()))?;
    let ticket = shown["node_ticket"].as_str().map(str::parse);
    let ticket = ticket.ok_or_else(|| said("no ticket"))?;
    let ticket = ticket.map_err(|e| said(&format!("{e}")))?;
    // The second line: it serves.
    lines
        .next()
        .ok_or_else(|| said("it ended"))?
        .doing("read its output")?;
    Ok((serving, ticket))
}
