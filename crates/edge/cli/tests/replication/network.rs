//! Who may write, and who is contacted.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use iroh_blobs::protocol::{ChunkRangesSeq, PushRequest};
use iroh_blobs::store::mem::MemStore;
use iroh_blobs::ticket::BlobTicket;

use crate::guest::endpoint;
use crate::process::{Publisher, Scene, kill, noise, ran};

#[test]
fn a_stranger_cannot_push() {
    let scene = Scene::new();
    let publisher = scene.publish("publisher", &["bundle.json"]);
    let ticket: BlobTicket = publisher.shown[0].1.parse().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let bytes = noise(100_000);
    let pushed = runtime.block_on(async {
        let endpoint = endpoint().await;
        let store = MemStore::new();
        let tag = store.add_slice(&bytes).temp_tag().await.unwrap();
        let connection = endpoint
            .connect(ticket.addr().clone(), iroh_blobs::ALPN)
            .await
            .unwrap();
        let request = PushRequest::new(tag.hash(), ChunkRangesSeq::root());
        let pushed = store.remote().execute_push(connection.clone(), request);
        let pushed = pushed.complete().await;
        // The connection is good, and what is there can be read on it.
        let known = iroh_blobs::get::request::get_verified_size(&connection, &ticket.hash()).await;
        known.unwrap();
        // Even if the sender's side did not learn of the refusal: is it there?
        let held = iroh_blobs::get::request::get_verified_size(&connection, &tag.hash()).await;
        endpoint.close().await;
        (pushed.is_ok(), held.is_ok())
    });
    assert!(!pushed.1, "what a stranger pushed is held");
    let hash = blake3::hash(&bytes).to_string();
    assert!(!scene.copy("publisher", &hash).exists());
    let _told = pushed.0;
}

/// A command whose calls on the network are written to a file.
fn traced(command: &Command, trace: &Path) -> Command {
    let mut traced = Command::new("strace");
    traced
        .args(["-f", "-qq", "-e", "trace=network", "-o"])
        .arg(trace)
        .arg(command.get_program())
        .args(command.get_args())
        .env_remove("RUST_LOG")
        .stdin(Stdio::null());
    traced
}

#[test]
#[ignore = "needs strace: run with --ignored"]
fn nothing_but_loopback_is_contacted() {
    let scene = Scene::new();
    let mut publish = scene.quorate("publisher");
    publish.args(["bundle", "publish", "--bind", "127.0.0.1:0"]);
    publish.arg(scene.path("bundle.json"));
    let traces = [scene.path("publishing"), scene.path("fetching")];
    let mut publisher = Publisher::start(traced(&publish, &traces[0]));
    let (hash, ticket) = &publisher.shown[0];
    let fetch = scene.fetch(ticket, hash, &[]);
    let (code, answer, error) = ran(traced(&fetch, &traces[1]));
    assert_eq!(code, 0, "{answer} {error}");
    publisher.kill();
    for trace in traces {
        only_loopback(&fs::read_to_string(trace).unwrap());
    }
}

fn only_loopback(trace: &str) {
    let sent: Vec<&str> = trace
        .lines()
        .filter(|line| line.contains(" send") && line.contains("AF_INET"))
        .collect();
    assert!(
        sent.iter().any(|l| l.contains("\"127.0.0.1\"")),
        "it saw nothing: {trace}"
    );
    let elsewhere = |line: &&str| !line.contains("\"127.0.0.1\"") && !line.contains("\"::1\"");
    let sent: Vec<&str> = sent.into_iter().filter(elsewhere).collect();
    assert!(sent.is_empty(), "{sent:#?}");
    // Which interface has the default route is asked of the kernel by connecting a UDP socket, which sends nothing.
    let connected: Vec<&str> = trace
        .lines()
        .filter(|line| line.contains(" connect(") && line.contains("AF_INET"))
        .filter(elsewhere)
        .filter(|line| !(line.contains("htons(1)") && line.contains("\"10.254.254.254\"")))
        .collect();
    assert!(connected.is_empty(), "{connected:#?}");
    assert!(
        !trace.contains("sin_port=htons(53)"),
        "a name was looked up"
    );
}

#[test]
#[ignore = "needs strace: run with --ignored"]
fn r2_a_published_file_is_synced_before_its_ticket_is_printed() {
    let scene = Scene::new();
    fs::write(scene.path("big"), noise(1_000_000)).unwrap();
    let trace = scene.path("trace");
    let publish = scene.quorate("publisher");
    let mut traced = Command::new("strace");
    traced
        .args(["-f", "-y", "-qq", "-s", "4096", "-e"])
        .arg("trace=fsync,fdatasync,write")
        .arg("-o")
        .arg(&trace)
        .arg(publish.get_program())
        .args(publish.get_args())
        .args(["bundle", "publish", "--bind", "127.0.0.1:0"])
        .arg(scene.path("big"))
        .process_group(0)
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut publisher = traced.spawn().unwrap();
    let mut line = String::new();
    let stdout = publisher.stdout.take().unwrap();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(stdout), &mut line).unwrap();
    let shown: serde_json::Value = serde_json::from_str(&line).unwrap();
    let hash = shown["blake3_hash"].as_str().unwrap();
    kill(&mut publisher);

    let trace = fs::read_to_string(trace).unwrap();
    let lines: Vec<&str> = trace.lines().collect();
    let told = lines
        .iter()
        .position(|l| l.contains("write(1<") && l.contains(hash));
    let told = told.expect("the answer is in the trace");
    let synced = |name: &str| {
        let sync =
            |l: &&str| (l.contains("fsync(") || l.contains("fdatasync(")) && l.contains(name);
        lines[..told].iter().any(sync)
    };
    for name in [
        &format!("{hash}.data>"),
        &format!("{hash}.obao4>"),
        "blobs/data>",
        "blobs/blobs.db>",
        "replicas/key.tmp>",
    ] {
        assert!(synced(name), "{name} was not synced before the answer");
    }
    // What makes it published is a name in a list: synced after the file, and before the answer.
    let data = lines
        .iter()
        .position(|l| l.contains("sync(") && l.contains(&format!("{hash}.data>")));
    let data = data.unwrap();
    for name in [&format!("published/{hash}.tmp>"), "replicas/published>"] {
        let named = |l: &&str| l.contains("sync(") && l.contains(name);
        assert!(
            lines[data..told].iter().any(named),
            "{name} was not synced in its turn"
        );
    }
}
