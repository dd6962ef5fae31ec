//! A running `quorate witness serve`, and HTTP by hand.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use quorate_note::{CosignSigner, KeyName, SignatureLine, WitnessKey, ed25519, mldsa44};

pub(crate) const NAME: &str = "witness.example/a";
const SEED: [u8; 32] = [0x42; 32];

pub(crate) struct Witness {
    pub(crate) data: PathBuf,
    pub(crate) address: SocketAddr,
    child: Child,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub(crate) fn lines(&self) -> Vec<SignatureLine> {
        self.text()
            .lines()
            .map(|line| SignatureLine::parse(line).unwrap())
            .collect()
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

pub(crate) fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len() / 2)
        .map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap())
        .collect()
}

/// The witness's own keys.
pub(crate) fn signers() -> [CosignSigner; 2] {
    let name = KeyName::new(NAME).unwrap();
    [
        CosignSigner::ed25519(name.clone(), ed25519::SecretKey::from_seed(SEED)),
        CosignSigner::ml_dsa_44(name, mldsa44::SecretKey::from_seed(SEED)),
    ]
}

/// The public keys of the witness that [`Witness::start`] starts.
pub(crate) fn keys() -> [WitnessKey; 2] {
    signers().map(|signer| WitnessKey::try_from(signer.verifier_key().clone()).unwrap())
}

pub(crate) fn quorate(data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_quorate"));
    command
        .env_clear()
        .env("HOME", data)
        .env("COLUMNS", "9999")
        .arg("--data-dir")
        .arg(data);
    command
}

/// `quorate witness serve` on a free port, with the seed in the variable that the split-trust guide names.
pub(crate) fn serve(data: &Path) -> Command {
    let mut command = quorate(data);
    command
        .env("NUCLEUS_WITNESS_SEED_HEX", hex(&SEED))
        .args(["witness", "serve", "--bind", "127.0.0.1:0"])
        .args(["--witness-name", NAME])
        .stderr(Stdio::null());
    command
}

impl Witness {
    pub(crate) fn start(data: &Path, more: &[&str]) -> Self {
        let mut command = serve(data);
        command
            .env("QUORATE_WITNESS_ML_DSA_SEED_HEX", hex(&SEED))
            .args(more);
        Self::run(data, command)
    }

    pub(crate) fn run(data: &Path, mut command: Command) -> Self {
        let mut child = command
            .arg("--json")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let out = child.stdout.take().unwrap();
        BufReader::new(out).read_line(&mut line).unwrap();
        let start: serde_json::Value =
            serde_json::from_str(&line).expect("the witness did not start");
        let address = start["witness_listen"].as_str().unwrap();
        Self {
            data: data.to_owned(),
            address: address.strip_prefix("http://").unwrap().parse().unwrap(),
            child,
        }
    }

    pub(crate) fn post(&self, path: &str, body: &[u8]) -> Answer {
        try_ask(self.address, "POST", path, body).expect("an answer")
    }

    pub(crate) fn add(&self, request: &[u8]) -> Answer {
        self.post("/add-checkpoint", request)
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        try_ask(self.address, "GET", path, b"").expect("an answer")
    }

    /// An operator's command.
    pub(crate) fn operator(&self, words: &[&str]) -> Output {
        quorate(&self.data)
            .arg("witness")
            .args(words)
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    pub(crate) fn json(&self, words: &[&str]) -> serde_json::Value {
        let done = self.operator(&[words, &["--json"]].concat());
        let text = String::from_utf8_lossy(&done.stdout).into_owned();
        serde_json::from_str(&text).unwrap_or_else(|_| {
            panic!("{words:?}: {text}{}", String::from_utf8_lossy(&done.stderr))
        })
    }

    /// SIGKILL.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// One request on a connection of its own; `None` if the witness went away before the whole answer came.
pub(crate) fn try_ask(
    address: SocketAddr,
    method: &str,
    path: &str,
    body: &[u8],
) -> Option<Answer> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_nodelay(true).ok()?;
    stream
        .set_read_timeout(Some(Duration::from_secs(60)))
        .ok()?;
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: w\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(body).ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    parse(&answer).map(|(answer, _)| answer)
}

/// The first answer in `bytes`, and its length.
pub(crate) fn parse(bytes: &[u8]) -> Option<(Answer, usize)> {
    let end = bytes.windows(4).position(|w| w == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&bytes[..end])
        .ok()?
        .to_ascii_lowercase();
    let status = head.get(9..12)?.parse().ok()?;
    let length: usize = head
        .lines()
        .find_map(|l| l.strip_prefix("content-length: "))?
        .trim()
        .parse()
        .ok()?;
    let body = bytes.get(end..end + length)?.to_vec();
    Some((Answer { status, head, body }, end + length))
}
