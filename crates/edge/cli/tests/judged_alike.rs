//! The library, the command line and the HTTP service give one verdict on the files that the module is tested with: the same
//! code, the same reason, and of what is accepted the same report. What the files hold is `sdk/verifier/test/vectors`, whose
//! tests hold the module to the same.
#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot read its files must stop"
)]

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use quorate_receipt::Timestamp;
use quorate_verify::anchor::Anchor;
use quorate_verify::bundle::{BundleVerifier, Failure};
use serde_json::{Value, json};

/// A bundle, an anchor, and the time to judge them at.
struct Asked {
    name: String,
    bundle: Vec<u8>,
    anchor: Vec<u8>,
    now: String,
    /// What the module was held to.
    code: String,
}

/// What one of them says: the report, or code and reason.
#[derive(Debug, PartialEq)]
enum Said {
    Verified(Value),
    Refused(String, String),
}

fn vectors() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../sdk/verifier/test/vectors")
}

fn spliced(from: &[u8], at: usize, cut: usize, put: &[u8]) -> Vec<u8> {
    [&from[..at], put, &from[at + cut..]].concat()
}

/// The calls of the file that ask for a bundle at a stated time and nothing else.
fn cases() -> Vec<Asked> {
    let text = fs::read_to_string(vectors().join("cases.json")).unwrap();
    let file: Value = serde_json::from_str(&text).unwrap();
    let argument = |value: &Value| -> Vec<u8> {
        if let Some(text) = value["text"].as_str() {
            return text.into();
        }
        let from = file["files"][value["file"].as_str().unwrap()].as_str();
        let number = |name: &str| value[name].as_u64().unwrap_or(0) as usize;
        let put = value["put"].as_str().unwrap_or_default();
        spliced(
            from.unwrap().as_bytes(),
            number("at"),
            number("cut"),
            put.as_bytes(),
        )
    };
    let mut found = Vec::new();
    for case in file["cases"].as_array().unwrap() {
        let args: Vec<_> = case["args"]
            .as_array()
            .unwrap()
            .iter()
            .map(argument)
            .collect();
        let [bundle, anchor, options] = &args[..] else {
            continue;
        };
        let Ok(Value::Object(options)) = serde_json::from_slice::<Value>(options) else {
            continue;
        };
        let now = options.get("now").and_then(Value::as_str);
        let Some(now) = now.filter(|now| options.len() == 1 && now.ends_with('Z')) else {
            continue;
        };
        if case["call"] != "verifyBundle" {
            continue;
        }
        let code = case["answer"]["error"]["code"].as_str();
        found.push(Asked {
            name: case["name"].as_str().unwrap().to_owned(),
            bundle: bundle.clone(),
            anchor: anchor.clone(),
            now: now.to_owned(),
            code: code.unwrap_or("accepted").to_owned(),
        });
    }
    found
}

/// Damaged files among them.
fn mutants() -> Vec<Asked> {
    let cases = cases();
    let text = fs::read_to_string(vectors().join("mutants.txt")).unwrap();
    let mut found = Vec::new();
    for line in text.lines() {
        let mut words = line.rsplitn(7, ' ');
        let mut word = || words.next().unwrap();
        let (_, code, put, cut, at, which, name) =
            (word(), word(), word(), word(), word(), word(), word());
        let Some(case) = cases.iter().find(|case| case.name == name) else {
            continue;
        };
        let put: Vec<u8> = match put {
            "-" => Vec::new(),
            hex => (0..hex.len())
                .step_by(2)
                .map(|n| u8::from_str_radix(&hex[n..n + 2], 16).unwrap())
                .collect(),
        };
        let change = |from: &[u8]| spliced(from, at.parse().unwrap(), cut.parse().unwrap(), &put);
        let (mut bundle, mut anchor) = (case.bundle.clone(), case.anchor.clone());
        match which {
            "0" => bundle = change(&bundle),
            _ => anchor = change(&anchor),
        }
        found.push(Asked {
            name: line.to_owned(),
            bundle,
            anchor,
            now: case.now.clone(),
            code: code.to_owned(),
        });
    }
    found
}

impl Asked {
    fn library(&self) -> Said {
        let anchor = match Anchor::parse(&self.anchor) {
            Ok(anchor) => anchor,
            Err(error) => return Said::Refused(error.code().into(), error.to_string()),
        };
        let now = Timestamp::parse(self.now.as_bytes()).unwrap();
        match BundleVerifier::new(&anchor, now).verify(&*self.bundle) {
            Ok(report) => {
                let mut view = serde_json::to_value(report.view()).unwrap();
                view["verified"] = json!(true);
                Said::Verified(view)
            }
            Err(Failure::Refused(error)) => Said::Refused(error.code().into(), error.to_string()),
            Err(Failure::Read(never)) => match never {},
        }
    }

    fn command_line(&self, folder: &Path) -> Said {
        let (bundle, anchor) = (folder.join("bundle"), folder.join("anchor"));
        fs::write(&bundle, &self.bundle).unwrap();
        fs::write(&anchor, &self.anchor).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_quorate"))
            .args([
                "bundle",
                "verify",
                "--json",
                "--now",
                &self.now,
                "--trust-anchor",
            ])
            .args([anchor, bundle])
            .env_clear()
            .output()
            .unwrap();
        match output.status.code() {
            Some(0) => Said::Verified(serde_json::from_slice(&output.stdout).unwrap()),
            Some(1) => refusal(&output.stderr, "why"),
            _ => panic!("{}: {output:?}", self.name),
        }
    }

    fn service(&self, address: SocketAddr) -> Said {
        let mut body = Vec::new();
        for (name, value) in [
            ("bundle", &*self.bundle),
            ("trust_anchor", &*self.anchor),
            ("now", self.now.as_bytes()),
        ] {
            let head = format!(
                "--a-frontier-in-no-file\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n"
            );
            body.extend_from_slice(head.as_bytes());
            body.extend_from_slice(value);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(b"--a-frontier-in-no-file--\r\n");
        let head = format!(
            "POST /verify HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: {}\r\n\
             content-type: multipart/form-data; boundary=a-frontier-in-no-file\r\n\r\n",
            body.len()
        );
        let mut stream = TcpStream::connect(address).unwrap();
        stream
            .write_all(&[head.as_bytes(), &body].concat())
            .unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let split = answer.windows(4).position(|w| w == b"\r\n\r\n").unwrap();
        let (head, body) = (&answer[..split], &answer[split + 4..]);
        match head.get(..12) {
            Some(b"HTTP/1.1 200") => Said::Verified(serde_json::from_slice(body).unwrap()),
            Some(b"HTTP/1.1 422") => refusal(body, "message"),
            _ => panic!("{}: {}", self.name, String::from_utf8_lossy(&answer)),
        }
    }
}

fn refusal(text: &[u8], reason: &str) -> Said {
    let answer: BTreeMap<String, Value> = serde_json::from_slice(text).unwrap();
    let said = |name: &str| answer["error"][name].as_str().unwrap().to_owned();
    Said::Refused(said("code"), said(reason))
}

struct Node(Child);

impl Drop for Node {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _reaped = self.0.wait();
    }
}

/// A node that verifies as much as it is asked to.
fn start(folder: &Path) -> (Node, SocketAddr) {
    let config = folder.join("quorate.toml");
    fs::write(&config, "verify_kib_per_second = 4294967295\n").unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_quorate"))
        .args(["up", "--json", "--listen", "127.0.0.1:0", "--config"])
        .arg(config)
        .arg("--data-dir")
        .arg(folder.join("data"))
        .env_clear()
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut said = BufReader::new(child.stdout.take().unwrap());
    let node = Node(child);
    said.read_line(&mut line).unwrap();
    let started: Value = serde_json::from_str(&line).unwrap();
    let url = started["listen"].as_str().unwrap();
    let address = url.strip_prefix("http://").unwrap();
    (node, address.parse().unwrap())
}

/// Every file by the library and the service, and every `each`th by the command line, which is a process a file.
fn judged_alike(files: &[Asked], each: usize) {
    let place = tempfile::tempdir().unwrap();
    let (_running, address) = start(place.path());
    for (n, asked) in files.iter().enumerate() {
        let said = asked.library();
        let code = match &said {
            Said::Verified(_) => "accepted",
            Said::Refused(code, _) => code,
        };
        assert_eq!(code, asked.code, "{}", asked.name);
        assert_eq!(asked.service(address), said, "{}", asked.name);
        if n % each == 0 {
            assert_eq!(asked.command_line(place.path()), said, "{}", asked.name);
        }
    }
}

#[test]
fn one_verdict_on_every_case_by_the_library_the_service_and_the_command_line() {
    let cases = cases();
    assert!(cases.len() > 50, "{}", cases.len());
    judged_alike(&cases, 1);
}

#[test]
fn one_verdict_on_damaged_files_by_the_library_the_service_and_the_command_line() {
    let mutants = mutants();
    assert!(mutants.len() >= 4000, "{}", mutants.len());
    judged_alike(&mutants, 20);
}

/// All of them by all of them.
#[test]
#[ignore = "starts thousands of processes"]
fn one_verdict_on_every_damaged_file_by_the_library_the_service_and_the_command_line() {
    judged_alike(&mutants(), 1);
}
