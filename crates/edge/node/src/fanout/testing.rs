//! A log, witnesses with keys of their own, and a server that answers whatever it is told to.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use quorate_merkle::{Hash, LeafHashes, Proof, leaf_hash, prove_consistency, root_of_leaf_hashes};
use quorate_note::{
    Checkpoint, CosignSigner, KeyName, LogKey, LogSigner, Origin, SignatureLine, SignedCheckpoint,
    VerifiedCheckpoint, WitnessKey, ed25519, mldsa44,
};
use quorate_policy::Policy;
use quorate_witness::AddCheckpoint;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// When everything is co-signed, unless said otherwise.
pub(crate) const NOW: u64 = 1_795_000_000;

fn signer() -> LogSigner {
    let name = KeyName::new("log.example/a").unwrap();
    LogSigner::ed25519(name, ed25519::SecretKey::from_seed([1; 32]))
}

pub(crate) fn log_key() -> LogKey {
    LogKey::try_from(signer().verifier_key().clone()).unwrap()
}

fn leaves(size: u64, history: &str) -> Vec<Hash> {
    (0..size)
        .map(|i| leaf_hash(format!("{history}{i}").as_bytes()))
        .collect()
}

/// The head of `size` leaves in one of the log's histories.
pub(crate) fn signed(size: u64, history: &str) -> SignedCheckpoint {
    let origin = Origin::new("log.example/a").unwrap();
    let root = root_of_leaf_hashes(&leaves(size, history));
    let checkpoint = Checkpoint::new(origin, size, root).unwrap();
    SignedCheckpoint::sign(&checkpoint, &[signer()], NOW).unwrap()
}

pub(crate) fn head(size: u64) -> VerifiedCheckpoint {
    signed(size, "").verify_log(&[log_key()]).unwrap()
}

pub(crate) fn proof(old: u64, size: u64) -> Proof {
    prove_consistency(old, size, &LeafHashes(&leaves(size, ""))).unwrap()
}

/// The keys of a witness: Ed25519, and ML-DSA-44.
pub(crate) fn signers(name: &str, seed: u8) -> [CosignSigner; 2] {
    let name = KeyName::new(name).unwrap();
    let ed = ed25519::SecretKey::from_seed([seed; 32]);
    let ml = mldsa44::SecretKey::from_seed([seed; 32]);
    [
        CosignSigner::ed25519(name.clone(), ed),
        CosignSigner::ml_dsa_44(name, ml),
    ]
}

/// Two keys of one name and id, as whoever wants them finds within minutes.
pub(crate) fn of_one_id() -> [CosignSigner; 2] {
    [37_947_u32, 77_777].map(|found| {
        let mut seed = [0; 32];
        seed[..4].copy_from_slice(&found.to_be_bytes());
        let name = KeyName::new("w.example").unwrap();
        CosignSigner::ed25519(name, ed25519::SecretKey::from_seed(seed))
    })
}

pub(crate) fn vkey(signer: &CosignSigner) -> String {
    signer.verifier_key().to_string()
}

pub(crate) fn key(signer: &CosignSigner) -> WitnessKey {
    WitnessKey::try_from(signer.verifier_key().clone()).unwrap()
}

pub(crate) fn cosign(signer: &CosignSigner, of: &SignedCheckpoint, at: u64) -> SignatureLine {
    let verified = of.verify_log(&[log_key()]).unwrap();
    signer.cosign(&verified, at).unwrap()
}

pub(crate) fn policy(text: &str) -> Policy {
    Policy::parse(text.as_bytes()).unwrap()
}

/// What a server does with a request, by its number.
type Script = dyn Fn(usize, &AddCheckpoint) -> Reply + Send + Sync;

/// What comes back.
pub(crate) enum Reply {
    /// These bytes.
    Bytes(Vec<u8>),
    /// Nothing, and the connection stays open.
    Nothing,
}

pub(crate) fn reply(status: &str, headers: &str, body: impl AsRef<[u8]>) -> Reply {
    let body = body.as_ref();
    let length = body.len();
    let mut bytes =
        format!("HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\n\r\n").into_bytes();
    bytes.extend_from_slice(body);
    Reply::Bytes(bytes)
}

pub(crate) fn lines(lines: &[SignatureLine]) -> Reply {
    let body: String = lines.iter().map(|l| format!("{l}\n")).collect();
    reply("200 OK", "", body)
}

/// A server on loopback, in this process.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) connections: Arc<AtomicUsize>,
    pub(crate) requests: Arc<Mutex<Vec<AddCheckpoint>>>,
}

impl Server {
    pub(crate) async fn start(
        script: impl Fn(usize, &AddCheckpoint) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (counter, seen) = (Arc::clone(&connections), Arc::clone(&requests));
        let script: Arc<Script> = Arc::new(script);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counter.fetch_add(1, Ordering::SeqCst);
                let (script, seen) = (Arc::clone(&script), Arc::clone(&seen));
                tokio::spawn(async move { serve(stream, &*script, &seen).await });
            }
        });
        Self {
            address,
            connections,
            requests,
        }
    }
}

async fn serve(mut stream: TcpStream, script: &Script, seen: &Mutex<Vec<AddCheckpoint>>) {
    let mut bytes = Vec::new();
    while let Some((request, length)) = next_request(&mut stream, &mut bytes).await {
        bytes.drain(..length);
        let number = {
            let mut seen = seen.lock().unwrap();
            seen.push(request.clone());
            seen.len() - 1
        };
        match script(number, &request) {
            Reply::Bytes(answer) => {
                if stream.write_all(&answer).await.is_err() {
                    return;
                }
            }
            Reply::Nothing => std::future::pending().await,
        }
    }
}

async fn next_request(
    stream: &mut TcpStream,
    bytes: &mut Vec<u8>,
) -> Option<(AddCheckpoint, usize)> {
    loop {
        if let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
            assert!(
                head.starts_with("post /w/add-checkpoint http/1.1"),
                "{head}"
            );
            let length = head
                .lines()
                .find_map(|l| l.strip_prefix("content-length: "));
            let all = end + 4 + length.unwrap().parse::<usize>().unwrap();
            if bytes.len() >= all {
                let request = AddCheckpoint::parse(&bytes[end + 4..all]).unwrap();
                return Some((request, all));
            }
        }
        let mut chunk = [0; 4096];
        match stream.read(&mut chunk).await {
            Ok(read @ 1..) => bytes.extend_from_slice(&chunk[..read]),
            _ => return None,
        }
    }
}
