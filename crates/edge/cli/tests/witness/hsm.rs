//! A key in a PKCS#11 token behind an agent: the token's own, since OpenSSH's at Debian 12 (9.2) passes over the Ed25519
//! keys of tokens.

use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use quorate_note::WitnessKey;

use crate::agent::{assert_cosigned, run, serve, witness_key};
use crate::log::Log;
use crate::process::{Witness, hex};
use crate::token::{Token, TokenKey};

const FAILURE: u8 = 5;
const REQUEST_IDENTITIES: u8 = 11;
const IDENTITIES_ANSWER: u8 = 12;
const SIGN_REQUEST: u8 = 13;
const SIGN_RESPONSE: u8 = 14;

/// What the agent does when it is asked to sign.
#[derive(Clone, Copy)]
enum Manner {
    Honest,
    /// It signs the right message with another key of the token.
    OtherKey,
    /// It flips one bit of the right signature.
    OneBitOff,
}

/// The keys of the token, and what the agent does with them. Outlives the agent, as a token does.
struct Behind {
    token: Token,
    key: TokenKey,
    other: TokenKey,
    manner: Mutex<Manner>,
}

impl Behind {
    fn new(dir: &Path) -> Arc<Self> {
        let token = Token::new(dir);
        Arc::new(Self {
            key: token.generate("01"),
            other: token.generate("02"),
            token,
            manner: Mutex::new(Manner::Honest),
        })
    }

    fn blob(&self) -> Vec<u8> {
        strings(&[b"ssh-ed25519", &self.token.public(self.key)])
    }

    /// draft-ietf-sshm-ssh-agent §3: one key is offered, and only that one is asked for.
    fn answer(&self, request: &[u8]) -> Vec<u8> {
        match request {
            [REQUEST_IDENTITIES] => {
                let mut answer = vec![IDENTITIES_ANSWER, 0, 0, 0, 1];
                answer.extend(strings(&[&self.blob(), b"a key in a token"]));
                answer
            }
            [SIGN_REQUEST, rest @ ..] => {
                let (blob, rest) = string(rest);
                let (message, flags) = string(rest);
                if blob != self.blob() || flags != [0; 4] {
                    return vec![FAILURE];
                }
                let signature = self.sign(message);
                let mut answer = vec![SIGN_RESPONSE];
                answer.extend(strings(&[&strings(&[b"ssh-ed25519", &signature])]));
                answer
            }
            _ => vec![FAILURE],
        }
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let manner = *self.manner.lock().unwrap();
        match manner {
            Manner::Honest => self.token.sign(self.key, message),
            Manner::OtherKey => self.token.sign(self.other, message),
            Manner::OneBitOff => {
                let mut signature = self.token.sign(self.key, message);
                signature[0] ^= 1;
                signature
            }
        }
    }

    fn set(&self, manner: Manner) {
        *self.manner.lock().unwrap() = manner;
    }
}

/// RFC 4251 §5: each with its length before it.
fn strings(parts: &[&[u8]]) -> Vec<u8> {
    let length = |part: &[u8]| u32::try_from(part.len()).unwrap().to_be_bytes();
    parts
        .iter()
        .flat_map(|part| [&length(part), *part].concat())
        .collect()
}

fn string(bytes: &[u8]) -> (&[u8], &[u8]) {
    let (length, rest) = bytes.split_first_chunk().unwrap();
    rest.split_at(u32::from_be_bytes(*length) as usize)
}

/// An agent in a thread; gone, connections and socket, when it is dropped.
struct Agent {
    socket: PathBuf,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<Vec<UnixStream>>>,
}

impl Agent {
    fn start(dir: &Path, behind: &Arc<Behind>) -> Self {
        let socket = dir.join("agent.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let ends = Arc::new(AtomicBool::new(false));
        let (behind, ended) = (Arc::clone(behind), Arc::clone(&ends));
        let accept = move || {
            let mut connections = Vec::new();
            for stream in listener.incoming() {
                if ended.load(Ordering::SeqCst) {
                    break;
                }
                let stream = stream.unwrap();
                connections.push(stream.try_clone().unwrap());
                let behind = Arc::clone(&behind);
                std::thread::spawn(move || serve_one(stream, &behind));
            }
            connections
        };
        Self {
            socket,
            ends,
            thread: Some(std::thread::spawn(accept)),
        }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::SeqCst);
        let _wakes_it = UnixStream::connect(&self.socket);
        let connections = self.thread.take().unwrap().join();
        for connection in connections.unwrap_or_default() {
            let _gone_already = connection.shutdown(Shutdown::Both);
        }
        let _removed = std::fs::remove_file(&self.socket);
    }
}

fn serve_one(mut stream: UnixStream, behind: &Behind) {
    let mut length = [0; 4];
    while stream.read_exact(&mut length).is_ok() {
        let mut request = vec![0; u32::from_be_bytes(length) as usize];
        if stream.read_exact(&mut request).is_err() {
            return;
        }
        let answer = strings(&[&behind.answer(&request)]);
        if stream.write_all(&answer).is_err() {
            return;
        }
    }
}

/// A witness whose key is in a token, and a log that it follows.
///
/// The directory goes last: an agent ends over its socket.
struct Scene {
    witness: Witness,
    agent: Option<Agent>,
    behind: Arc<Behind>,
    log: Log,
    /// As the token has it.
    key: WitnessKey,
    dir: tempfile::TempDir,
}

impl Scene {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let behind = Behind::new(dir.path());
        let agent = Agent::start(dir.path(), &behind);
        let log = Log::new("log.example/a", 1);
        let public = behind.token.public(behind.key);
        let mut command = serve(dir.path(), &hex(&public), &log);
        let stderr = std::fs::File::create(dir.path().join("stderr")).unwrap();
        command.stderr(stderr);
        Self {
            witness: Witness::run(&dir.path().join("data"), command),
            agent: Some(agent),
            key: witness_key(&public),
            behind,
            log,
            dir,
        }
    }

    fn said(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("stderr")).unwrap()
    }

    /// Asks for growth that gets no co-signature. Nothing that looks like one is answered or published.
    fn assert_not_cosigned(&self, old: u64, size: u64) {
        let answer = self.witness.add(&self.log.request(old, size, "a"));
        assert_eq!(answer.status, 500, "{}", answer.text());
        assert!(!answer.text().contains('\u{2014}'), "{}", answer.text());
        let shown = self.witness.json(&["show", self.log.origin.as_str()]);
        let path = format!("/{}", shown["path"].as_str().unwrap());
        let published = self.witness.get(&path).text();
        let shown = published.lines().nth(1).unwrap();
        assert!(shown.parse::<u64>().unwrap() < size, "{published}");
    }

    /// The position was stored, and is co-signed when it is asked for again.
    fn assert_cosigned_now(&self, size: u64) {
        let conflict = self.witness.add(&self.log.request(0, size, "a"));
        assert_eq!(
            (conflict.status, conflict.text()),
            (409, format!("{size}\n"))
        );
        let answer = self.witness.add(&self.log.request(size, size, "a"));
        assert_cosigned(&answer, &self.log, size, &self.key);
    }
}

#[test]
#[ignore = "needs softhsm2, opensc and openssh-client"]
fn a_key_in_a_pkcs11_token_cosigns_and_never_leaves_it() {
    let scene = Scene::new();
    let access = scene.behind.token.access(scene.behind.key);
    assert_eq!(
        access,
        "sensitive, always sensitive, never extractable, local"
    );

    // OpenSSH's own client finds the key there, and that its signature verifies.
    let listed = run(scene.dir.path(), "ssh-add", &["-L"]);
    let file = scene.dir.path().join("token.pub");
    std::fs::write(&file, &listed).unwrap();
    run(scene.dir.path(), "ssh-add", &["-T", file.to_str().unwrap()]);

    for (old, size) in [(0, 5), (5, 5), (5, 8)] {
        let answer = scene.witness.add(&scene.log.request(old, size, "a"));
        assert_cosigned(&answer, &scene.log, size, &scene.key);
    }
    let bad = scene.witness.add(&scene.log.request(8, 9, "b"));
    assert_eq!(bad.status, 422, "a history that the key does not sign");
}

#[test]
#[ignore = "needs softhsm2, opensc and openssh-client"]
fn while_the_agent_of_a_token_is_away_nothing_is_cosigned_and_the_log_says_what_to_do() {
    let mut scene = Scene::new();
    let first = scene.witness.add(&scene.log.request(0, 5, "a"));
    assert_cosigned(&first, &scene.log, 5, &scene.key);

    drop(scene.agent.take());
    scene.assert_not_cosigned(5, 7);
    let said = scene.said();
    let socket = scene.dir.path().join("agent.sock");
    for words in [
        "a co-signature could not be made; the position is stored",
        &format!("the ssh-agent at {}", socket.display()),
        "it cannot be reached",
        "start it, and see that this user may open its socket",
    ] {
        assert!(said.contains(words), "{words:?} is not in {said}");
    }

    scene.agent = Some(Agent::start(scene.dir.path(), &scene.behind));
    scene.assert_cosigned_now(7);
    let next = scene.witness.add(&scene.log.request(7, 8, "a"));
    assert_cosigned(&next, &scene.log, 8, &scene.key);

    // Started anew while nobody asked: the log does not notice.
    drop(scene.agent.take());
    scene.agent = Some(Agent::start(scene.dir.path(), &scene.behind));
    let next = scene.witness.add(&scene.log.request(8, 9, "a"));
    assert_cosigned(&next, &scene.log, 9, &scene.key);
}

#[test]
#[ignore = "needs softhsm2, opensc and openssh-client"]
fn what_an_agent_signs_with_another_key_or_wrongly_never_leaves_the_witness() {
    let scene = Scene::new();
    let first = scene.witness.add(&scene.log.request(0, 5, "a"));
    assert_cosigned(&first, &scene.log, 5, &scene.key);
    let mut size = 5;
    for manner in [Manner::OtherKey, Manner::OneBitOff] {
        scene.behind.set(manner);
        scene.assert_not_cosigned(size, size + 1);
        size += 1;
        let said = scene.said();
        let refusals = said.matches("does not verify under it and is not used");
        assert_eq!(refusals.count() as u64, size - 5, "{said}");
    }
    scene.behind.set(Manner::Honest);
    scene.assert_cosigned_now(size);
}

#[test]
#[ignore = "needs softhsm2 and opensc"]
fn a_witness_without_its_agent_or_without_its_key_there_does_not_start_and_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let behind = Behind::new(dir.path());
    let log = Log::new("log.example/a", 1);
    let refused = |key: &[u8; 32]| {
        let mut command = serve(dir.path(), &hex(key), &log);
        let done = command.stdin(Stdio::null()).stderr(Stdio::piped());
        let done = done.output().unwrap();
        let said = String::from_utf8(done.stderr).unwrap();
        (done.status.code(), said)
    };
    let (away, said) = refused(&behind.token.public(behind.key));
    assert_eq!(away, Some(3), "{said}");
    assert!(said.contains("it cannot be reached"), "{said}");
    assert!(said.contains("--ssh-agent=SOCKET"), "{said}");

    let _agent = Agent::start(dir.path(), &behind);
    let (not_there, said) = refused(&behind.token.public(behind.other));
    assert_eq!(not_there, Some(1), "{said}");
    assert!(said.contains("holds no Ed25519 key"), "{said}");
    assert!(said.contains("load the key or attach the device"), "{said}");
}
