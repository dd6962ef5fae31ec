//! Slow, huge, half-sent and pipelined requests against a running witness.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use crate::log::Log;
use crate::process::{Witness, parse};

fn started() -> (tempfile::TempDir, Log, Witness) {
    let dir = tempfile::tempdir().unwrap();
    let log = Log::new("log.example/a", 1);
    let flag = log.flag();
    let witness = Witness::start(dir.path(), &["--origin", &flag]);
    (dir, log, witness)
}

fn head(length: usize) -> String {
    format!("POST /add-checkpoint HTTP/1.1\r\nhost: w\r\ncontent-length: {length}\r\n\r\n")
}

#[test]
fn pipelined_requests_on_one_connection_are_answered_in_order() {
    let (_dir, log, witness) = started();
    let mut stream = TcpStream::connect(witness.address).unwrap();
    let mut all = Vec::new();
    for size in 1..=20 {
        let body = log.request(size - 1, size, "a");
        all.extend_from_slice(head(body.len()).as_bytes());
        all.extend_from_slice(&body);
    }
    stream.write_all(&all).unwrap();
    let mut bytes = Vec::new();
    let mut statuses = Vec::new();
    let mut chunk = [0; 65_536];
    while statuses.len() < 20 {
        let read = stream.read(&mut chunk).unwrap();
        assert!(
            read > 0,
            "the connection ended after {} answers",
            statuses.len()
        );
        bytes.extend_from_slice(&chunk[..read]);
        while let Some((answer, length)) = parse(&bytes) {
            bytes.drain(..length);
            statuses.push(answer.status);
        }
    }
    assert_eq!(statuses, [200; 20]);
}

#[test]
fn half_a_request_changes_nothing_and_the_next_one_is_answered() {
    let (_dir, log, witness) = started();
    let body = log.request(0, 5, "a");
    for cut in [0, 1, body.len() / 2, body.len() - 1] {
        let mut stream = TcpStream::connect(witness.address).unwrap();
        stream.write_all(head(body.len()).as_bytes()).unwrap();
        stream.write_all(&body[..cut]).unwrap();
        drop(stream);
    }
    assert_eq!(
        witness.json(&["show", "log.example/a"])["size"],
        serde_json::Value::Null
    );
    assert_eq!(witness.add(&body).status, 200);
}

#[test]
fn a_body_that_never_ends_is_refused_at_the_limit() {
    let (_dir, log, witness) = started();
    let mut stream = TcpStream::connect(witness.address).unwrap();
    stream.write_all(head(usize::MAX / 4).as_bytes()).unwrap();
    let mut sent = 0;
    while sent < 64 << 20 {
        match stream.write(&[b'x'; 65_536]) {
            Ok(n) => sent += n,
            Err(_) => break,
        }
    }
    assert!(sent < 32 << 20, "{sent} bytes were taken");
    assert_eq!(witness.add(&log.request(0, 5, "a")).status, 200);
}

#[test]
fn many_slow_connections_do_not_keep_a_log_waiting() {
    let (_dir, log, witness) = started();
    let body = log.request(0, 5, "a");
    let slow: Vec<TcpStream> = (0..200)
        .map(|_| {
            let mut stream = TcpStream::connect(witness.address).unwrap();
            stream.write_all(head(body.len()).as_bytes()).unwrap();
            stream.write_all(&body[..10]).unwrap();
            stream
        })
        .collect();
    assert_eq!(witness.add(&body).status, 200);
    drop(slow);
}
