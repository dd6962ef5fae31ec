//! A witness under load: many logs, or one, each with one update under way.
//!
//! Requests are made beforehand. All logs have the same leaves, so roots and proofs are made once; only the signatures
//! differ.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use clap::Args;
use quorate_merkle::{Hash, NodeReader, leaf_hash, node_hash, prove_consistency, root_at};
use quorate_note::{Checkpoint, KeyName, LogSigner, Origin, SignedCheckpoint, base64, ed25519};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::failure::{Doing, Failure, Result};
use crate::http::{Reader, Target};
use crate::node::{Node, free_address};
use crate::table::{Figure, Latencies, per_second, thousands};
use crate::trace::{self, Call};

/// The witness's name.
const NAME: &str = "load.example/witness";
/// Updates under strace.
const CHECKED: u64 = 20;

/// How much load.
#[derive(Args, Clone, Copy)]
pub(crate) struct Load {
    /// Logs
    #[arg(long, default_value_t = 1000)]
    pub(crate) logs: usize,
    /// Connections; each drives its share of the logs, one update at a time
    #[arg(long, default_value_t = 128)]
    pub(crate) connections: usize,
    /// How long
    #[arg(long, default_value_t = 10)]
    pub(crate) seconds: u64,
    /// The witness signs with ML-DSA-44 too
    #[arg(long)]
    pub(crate) ml_dsa: bool,
}

/// A tree that only grows, every node of it kept.
struct Tree(Vec<Vec<Hash>>);

impl Tree {
    fn of(size: u64) -> Self {
        let mut levels = vec![
            (0..size)
                .map(|i| leaf_hash(&i.to_be_bytes()))
                .collect::<Vec<_>>(),
        ];
        while let Some(last) = levels.last().filter(|l| l.len() > 1) {
            let above = last.chunks_exact(2).map(|p| node_hash(&p[0], &p[1]));
            let above: Vec<Hash> = above.collect();
            levels.push(above);
        }
        Self(levels)
    }
}

impl NodeReader for Tree {
    type Error = Failure;

    fn node(&self, level: u8, index: u64) -> Result<Hash> {
        let at = usize::try_from(index).ok();
        self.0
            .get(usize::from(level))
            .and_then(|level| level.get(at?))
            .copied()
            .ok_or_else(|| Failure::Broken("a node outside the tree".to_owned()))
    }
}

/// A log and its requests, one after the other.
struct Log {
    vkey: String,
    requests: Vec<Vec<u8>>,
}

fn logs(count: usize, updates: u64, address: SocketAddr) -> Result<Vec<Log>> {
    let made = |what: &str| Failure::Broken(format!("a {what} could not be made"));
    let tree = Tree::of(updates);
    let mut grown = Vec::new();
    for size in 1..=updates {
        let proof = prove_consistency(size - 1, size, &tree).map_err(|_| made("proof"))?;
        let mut head = format!("old {}\n", size - 1);
        for hash in proof.hashes() {
            head.push_str(&base64::encode(hash.as_bytes()));
            head.push('\n');
        }
        head.push('\n');
        let root = root_at(size, &tree).map_err(|_| made("root"))?;
        grown.push((size, head, root));
    }
    let log = |index: usize| {
        let name = format!("log{index}.load.example");
        let mut seed = [1; 32];
        seed[..8].copy_from_slice(&(index as u64).to_be_bytes());
        let secret = ed25519::SecretKey::from_seed(seed);
        let name = KeyName::new(&name).map_err(|_| made("name"))?;
        let signer = LogSigner::ed25519(name.clone(), secret);
        let origin = Origin::from(name);
        let mut requests = Vec::with_capacity(grown.len());
        for (size, head, root) in &grown {
            let checkpoint = Checkpoint::new(origin.clone(), *size, *root);
            let checkpoint = checkpoint.map_err(|_| made("checkpoint"))?;
            let signed = SignedCheckpoint::sign(&checkpoint, std::slice::from_ref(&signer), 1);
            let signed = signed.map_err(|_| made("signature"))?;
            let body = format!("{head}{signed}");
            let request = format!(
                "POST /add-checkpoint HTTP/1.1\r\nhost: {address}\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
            requests.push(request.into_bytes());
        }
        Ok(Log {
            vkey: signer.verifier_key().to_string(),
            requests,
        })
    };
    (0..count).map(log).collect()
}

/// A running witness.
pub(crate) struct Running {
    node: Node,
    address: SocketAddr,
    data: PathBuf,
}

/// Its process, as the command line describes it.
fn serve(
    program: &Path,
    work: &Path,
    words: &[&str],
    before: &[&str],
    address: SocketAddr,
) -> Result<Running> {
    let data = work.join(format!("witness-{}", address.port()));
    let bind = address.to_string();
    let mut command = vec!["witness", "serve", "--bind", &bind];
    command.extend(words);
    let node = Node::start_with(
        program,
        &data,
        before,
        &command,
        address,
        "/0/checkpoint",
        404,
    )?;
    Ok(Running {
        node,
        address,
        data,
    })
}

/// A file with a seed of 32 equal bytes.
fn seed_file(work: &Path, name: &str, seed: u8) -> Result<String> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let path = work.join(format!("{name}.seed"));
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)
        .doing("make a seed file")?;
    let text = format!("{seed:02x}").repeat(32) + "\n";
    std::io::Write::write_all(&mut file, text.as_bytes()).doing("write a seed file")?;
    Ok(path.display().to_string())
}

/// A witness of this name that follows nothing yet.
pub(crate) fn start_as(
    program: &Path,
    work: &Path,
    name: &str,
    seed: u8,
    address: SocketAddr,
) -> Result<Running> {
    let seed = seed_file(work, name, seed)?;
    let words = ["--witness-name", name, "--seed-file", &seed];
    serve(program, work, &words, &[], address)
}

impl Running {
    /// Follows a log without a limit.
    pub(crate) fn follow(&self, program: &Path, vkey: &str) -> Result<()> {
        self.operate(program, &["add-log", vkey, "--qpd", "2147483647"])
    }

    fn operate(&self, program: &Path, words: &[&str]) -> Result<()> {
        let done = Command::new(program)
            .arg("--data-dir")
            .arg(&self.data)
            .arg("witness")
            .args(words)
            .stdout(Stdio::null())
            .status()
            .doing("run quorate witness")?;
        if done.success() {
            return Ok(());
        }
        let what = words.first().copied().unwrap_or_default();
        Err(Failure::Broken(format!("quorate witness {what} failed")))
    }
}

fn start(
    program: &Path,
    work: &Path,
    ml_dsa: bool,
    before: &[&str],
    address: SocketAddr,
    logs: &[Log],
) -> Result<Running> {
    let ed = seed_file(work, &format!("ed25519-{}", address.port()), 7)?;
    let ml = seed_file(work, &format!("ml-dsa-{}", address.port()), 7)?;
    let mut words = vec!["--witness-name", NAME, "--seed-file", &ed];
    if ml_dsa {
        words.extend(["--ml-dsa-seed-file", &ml]);
    }
    let running = serve(program, work, &words, before, address)?;
    let list = work.join(format!("logs-{}", address.port()));
    let mut text = "logs/v0\n".to_owned();
    for log in logs {
        text.push_str(&format!("vkey {}\nqpd 2147483647\n", log.vkey));
    }
    fs::write(&list, text).doing("write the list of logs")?;
    running.operate(program, &["import", &list.to_string_lossy()])?;
    Ok(running)
}

/// Under strace: the position's sync returns before the answer that carries the co-signature is sent.
pub(crate) fn durability(program: &Path, work: &Path) -> Result<String> {
    let address = free_address()?;
    let logs = logs(1, CHECKED, address)?;
    let output = work.join("witness-strace.txt");
    let output_name = output.to_string_lossy().into_owned();
    let calls = "trace=write,writev,pwrite64,pwritev,pwritev2,sendto,sendmsg,fsync,fdatasync";
    let before = [
        "strace",
        "-f",
        "-yy",
        "-s",
        "256",
        "-e",
        calls,
        "-e",
        "signal=none",
        "-o",
        &output_name,
    ];
    let running = start(program, work, false, &before, address, &logs)?;
    let mut connection = Target {
        address: running.address,
        token: String::new(),
    }
    .connect()?;
    for request in &logs[0].requests {
        connection.send(request)?;
        connection.receive()?.expect(200, "an update")?;
    }
    running.node.stop()?;
    let text = fs::read(&output).doing("read strace's output")?;
    let calls = trace::parse(&String::from_utf8_lossy(&text));
    judge(&calls)?;
    Ok(format!(
        "PASS: {CHECKED} updates of a witness: position written and synced, then answered"
    ))
}

fn judge(calls: &[Call]) -> Result<()> {
    let answers: Vec<&Call> = calls
        .iter()
        .filter(|c| c.is_write() && c.is_socket() && c.arguments.contains(NAME))
        .collect();
    if answers.len() as u64 != CHECKED {
        return Err(Failure::Broken(format!(
            "the trace shows {} answers with a co-signature instead of {CHECKED}",
            answers.len()
        )));
    }
    let mut since = 0;
    for (n, answer) in answers.iter().enumerate() {
        let position = |c: &&Call| c.file.ends_with("/witness.redb");
        let written = calls.iter().filter(position).find(|c| {
            c.is_write() && c.began > since && c.returned.is_some_and(|r| r < answer.began)
        });
        let synced = written.and_then(|w| {
            calls.iter().filter(position).find(|c| {
                c.is_sync()
                    && c.result == 0
                    && w.returned.is_some_and(|r| r < c.began)
                    && c.returned.is_some_and(|r| r < answer.began)
            })
        });
        if synced.is_none() {
            return Err(Failure::Broken(format!(
                "update {n} was answered before its position was written and synced"
            )));
        }
        since = answer.began;
    }
    Ok(())
}

/// Runs the load and gives its figure.
pub(crate) fn figure(program: &Path, work: &Path, load: Load) -> Result<Figure> {
    // Enough for more than the witness can do, and not more than fits into memory.
    let updates = (load.seconds * 20_000 / load.logs as u64).clamp(20, 60_000);
    let address = free_address()?;
    let logs = logs(load.logs, updates, address)?;
    let running = start(program, work, load.ml_dsa, &[], address, &logs)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .doing("start tokio")?;
    let began = Instant::now();
    let time = Duration::from_secs(load.seconds);
    let latencies = runtime.block_on(drive(address, logs, load.connections, time))?;
    let elapsed = began.elapsed();
    let rate = per_second(latencies.len() as u64, elapsed);
    let (resident, _) = running.node.memory_kib()?;
    let latencies = Latencies::new(latencies);
    let (target, met) = match (load.logs, load.ml_dsa) {
        (_, true) => ("", None),
        (1, false) => (
            "≥ 2,000/s, p99 ≤ 50 ms",
            Some(rate >= 2000 && latencies.percentile(99.0) <= Duration::from_millis(50)),
        ),
        (_, false) => (
            "≥ 8,000/s, p99 ≤ 50 ms",
            Some(rate >= 8000 && latencies.percentile(99.0) <= Duration::from_millis(50)),
        ),
    };
    running.node.kill()?;
    let algorithms = if load.ml_dsa {
        "Ed25519 and ML-DSA-44"
    } else {
        "Ed25519"
    };
    let ml_dsa = if load.ml_dsa { " --ml-dsa" } else { "" };
    Ok(Figure {
        name: format!(
            "witness, {} log(s), {algorithms}",
            thousands(load.logs as u64)
        ),
        measured: format!(
            "{}/s, {latencies}; {} MB resident",
            thousands(rate),
            resident / 1024
        ),
        target,
        met,
        command: format!("witness --logs {}{ml_dsa}", load.logs),
    })
}

async fn drive(
    address: SocketAddr,
    logs: Vec<Log>,
    connections: usize,
    time: Duration,
) -> Result<Vec<Duration>> {
    let connections = connections.min(logs.len());
    let mut shares: Vec<Vec<Log>> = (0..connections).map(|_| Vec::new()).collect();
    for (index, log) in logs.into_iter().enumerate() {
        shares[index % connections].push(log);
    }
    let stop = Arc::new(AtomicBool::new(false));
    let mut tasks = Vec::new();
    for share in shares {
        let stream = TcpStream::connect(address).await.doing("connect")?;
        stream.set_nodelay(true).doing("set TCP_NODELAY")?;
        tasks.push(tokio::spawn(grow(stream, share, Arc::clone(&stop))));
    }
    tokio::time::sleep(time).await;
    stop.store(true, Ordering::Relaxed);
    let mut latencies = Vec::new();
    for task in tasks {
        let joined = task.await;
        latencies.extend(joined.map_err(|e| Failure::Missing(format!("a log stopped: {e}")))??);
    }
    Ok(latencies)
}

/// Grows the logs in turn, one update at a time.
async fn grow(
    mut stream: TcpStream,
    logs: Vec<Log>,
    stop: Arc<AtomicBool>,
) -> Result<Vec<Duration>> {
    let mut reader = Reader::default();
    let mut latencies = Vec::new();
    let rounds = logs.first().map_or(0, |l| l.requests.len());
    for round in 0..rounds {
        for log in &logs {
            if stop.load(Ordering::Relaxed) {
                return Ok(latencies);
            }
            let began = Instant::now();
            let sent = stream.write_all(&log.requests[round]).await;
            sent.doing("send an update")?;
            let answer = loop {
                if let Some(answer) = reader.take()? {
                    break answer;
                }
                let read = stream.read_buf(reader.buffer()).await;
                if read.doing("read an answer")? == 0 {
                    return Err(Failure::Broken(
                        "a connection closed before its answer".to_owned(),
                    ));
                }
            };
            answer.expect(200, "an update")?;
            latencies.push(began.elapsed());
        }
    }
    Err(Failure::Broken(
        "the witness was faster than the requests made for it".to_owned(),
    ))
}
