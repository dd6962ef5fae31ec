//! A node may refuse a stream before it has read all of it; its reason must reach the user all the same. And an
//! answer that ends too early is no answer.
#![expect(clippy::unwrap_used, reason = "test helper")]

use std::io::{Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Reads a request's head.
fn head(stream: &mut UnixStream) -> String {
    let mut head = Vec::new();
    let mut octet = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut octet).unwrap();
        head.push(octet[0]);
    }
    String::from_utf8(head).unwrap()
}

fn answer(stream: &mut UnixStream, status: &str, body: &str) {
    let text = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(text.as_bytes()).unwrap();
}

#[test]
fn an_early_refusal_is_shown_while_the_input_still_flows() {
    let dir = tempfile::tempdir().unwrap();
    let listener = UnixListener::bind(dir.path().join("quorate.sock")).unwrap();
    let input = dir.path().join("input");
    std::fs::write(&input, "{\"type\":\"x\"}\n".repeat(1 << 20)).unwrap();
    for _ in 0..10 {
        let mut command = Command::new(env!("CARGO_BIN_EXE_quorate"));
        command
            .env_clear()
            .env("HOME", dir.path())
            .env("COLUMNS", "9999")
            .arg("--data-dir")
            .arg(dir.path());
        command
            .args(["append", "--scroll", "A"])
            .arg(&input)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let child = command.spawn().unwrap();
        let (mut stream, _) = listener.accept().unwrap();
        assert!(head(&mut stream).starts_with("GET /scrolls/A "));
        answer(&mut stream, "200 OK", r#"{"format":"receipts"}"#);
        assert!(head(&mut stream).starts_with("POST /scrolls/A/receipts "));
        let mut some = vec![0; 100_000];
        stream.read_exact(&mut some).unwrap();
        let body = r#"{"durable":{"chunks":[{"first_index":0,"first_line":1,"lines":5}],"lines":5},"error":{"code":"malformed","hint":"h","line":7,"message":"m"}}"#;
        answer(&mut stream, "400 Bad Request", body);
        drop(stream);
        let done = child.wait_with_output().unwrap();
        let stderr = String::from_utf8(done.stderr).unwrap();
        assert_eq!(
            String::from_utf8(done.stdout).unwrap(),
            "5 receipts durable, indices 0..4\n",
            "{stderr}"
        );
        assert!(stderr.contains("line 7 of "), "{stderr}");
        assert_eq!(done.status.code(), Some(1));
    }
}

/// `quorate log fsck` and what it connects to, which has answered with these scrolls.
fn check(dir: &Path, scrolls: &str) -> (Child, UnixStream) {
    let listener = UnixListener::bind(dir.join("quorate.sock")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_quorate"));
    command.env_clear().env("HOME", dir).env("COLUMNS", "9999");
    command.arg("--data-dir");
    command.arg(dir).args(["log", "fsck"]).stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    // It looks whether a node runs, and then asks it.
    let (_looked, _) = listener.accept().unwrap();
    let (mut stream, _) = listener.accept().unwrap();
    assert!(head(&mut stream).starts_with("GET /scrolls "));
    answer(&mut stream, "200 OK", scrolls);
    (child, stream)
}

#[test]
fn a_check_that_ends_without_a_report_is_no_result() {
    let dir = tempfile::tempdir().unwrap();
    let (child, mut stream) = check(dir.path(), r#"{"scrolls":[{"name":"A"}]}"#);
    assert!(head(&mut stream).starts_with("POST /scrolls/A/fsck "));
    let progress = "{\"progress\":{\"done\":10,\"total\":10}}\n";
    answer(&mut stream, "200 OK", progress);
    drop(stream);
    let done = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(done.stderr).unwrap();
    assert_eq!(done.status.code(), Some(3), "{stderr}");
    assert!(done.stdout.is_empty());
    assert!(stderr.contains("ends without a report"), "{stderr}");
}

#[test]
fn the_next_scroll_is_checked_when_the_answer_before_has_ended() {
    let dir = tempfile::tempdir().unwrap();
    let scrolls = r#"{"scrolls":[{"name":"A"},{"name":"B"}]}"#;
    let (child, mut stream) = check(dir.path(), scrolls);
    for name in ["A", "B"] {
        assert!(head(&mut stream).starts_with(&format!("POST /scrolls/{name}/fsck ")));
        let report = format!("{{\"report\":{{\"name\":\"{name}\",\"clean\":true}}}}\n");
        let chunk = format!("{:x}\r\n{report}\r\n", report.len());
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
            .unwrap();
        stream.write_all(chunk.as_bytes()).unwrap();
        // Whoever does not wait for the end has gone by then; whoever waits does not mind.
        std::thread::sleep(Duration::from_millis(50));
        stream.write_all(b"0\r\n\r\n").unwrap();
    }
    let done = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(done.stderr).unwrap();
    assert_eq!(done.status.code(), Some(0), "{stderr}");
}
