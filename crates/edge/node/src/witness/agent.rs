//! Signing with an ssh-agent, and so with whatever hardware stands behind one.
//!
//! Source: draft-ietf-sshm-ssh-agent §3 (messages), RFC 8709 (Ed25519 keys and signatures). Only the two messages that
//! signing needs. The client crates there are bring RSA and a second Ed25519 with them.

use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use quorate_note::{KeeperError, KeyKeeper, ed25519};
use thiserror::Error;

const REQUEST_IDENTITIES: u8 = 11;
const IDENTITIES_ANSWER: u8 = 12;
const SIGN_REQUEST: u8 = 13;
const SIGN_RESPONSE: u8 = 14;
const ED25519: &[u8] = b"ssh-ed25519";

/// The longest answer we read: OpenSSH's own limit.
const MAX_MESSAGE: u32 = 256 * 1024;
/// A person may have to touch a device.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Why an agent gave no answer that counts. Its own or the environment's fault; no signature left it that is known here.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AgentError {
    /// Nobody listens at its socket, or this user may not open it.
    #[error("it cannot be reached ({0}); start it, and see that this user may open its socket")]
    Away(#[source] io::Error),
    /// It was asked and says nothing.
    #[error("it did not answer within {} seconds; does a device wait for a touch or a PIN?", TIMEOUT.as_secs())]
    Silent,
    /// It went away while it was asked.
    #[error("the connection to it broke ({0}); start it again")]
    Broken(#[source] io::Error),
    /// It holds the key no longer, is locked, or asked somebody who said no.
    #[error(
        "it refuses to sign with the key; 'ssh-add -l' lists what it holds: load the key, unlock the agent or attach the \
         device"
    )]
    Refuses,
    /// What it says is not the protocol, or longer than any message of it.
    #[error("its answer is not that of an ssh-agent; what listens at this socket?")]
    NotUnderstood,
}

impl From<io::Error> for AgentError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            // Which of the two a socket's time limit gives depends on the system.
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Self::Silent,
            _ => Self::Broken(error),
        }
    }
}

/// An agent behind its socket. A connection is kept and made anew when it fails.
#[derive(Debug)]
pub(super) struct Agent {
    socket: PathBuf,
    connection: Mutex<Option<UnixStream>>,
}

impl Agent {
    /// The agent at `socket`. Nothing is opened yet.
    pub(super) fn new(socket: &Path) -> Self {
        Self {
            socket: socket.to_owned(),
            connection: Mutex::default(),
        }
    }

    /// The Ed25519 keys that the agent holds.
    ///
    /// # Errors
    /// The agent is not there, or does not speak the protocol.
    pub(super) fn keys(&self) -> Result<Vec<[u8; ed25519::PUBLIC_KEY_LEN]>, AgentError> {
        let answer = self.ask(&[REQUEST_IDENTITIES])?;
        let mut input = Input(&answer);
        let mut keys = Vec::new();
        if input.byte()? != IDENTITIES_ANSWER {
            return Err(AgentError::NotUnderstood);
        }
        for _ in 0..input.length()? {
            let blob = input.string()?;
            let _comment = input.string()?;
            // Keys of other kinds are not for us.
            if let Ok(key) = ed25519_key(blob) {
                keys.push(key);
            }
        }
        Ok(keys)
    }

    fn signature(
        &self,
        public: &ed25519::PublicKey,
        message: &[u8],
    ) -> Result<[u8; ed25519::SIGNATURE_LEN], AgentError> {
        let mut blob = Vec::new();
        put(ED25519, &mut blob);
        put(public.as_bytes(), &mut blob);
        let mut request = vec![SIGN_REQUEST];
        put(&blob, &mut request);
        put(message, &mut request);
        request.extend_from_slice(&[0; 4]);
        let answer = self.ask(&request)?;
        let mut input = Input(&answer);
        if input.byte()? != SIGN_RESPONSE {
            return Err(AgentError::Refuses);
        }
        let mut signature = Input(input.string()?);
        if signature.string()? != ED25519 {
            return Err(AgentError::NotUnderstood);
        }
        let signature = signature.string()?.try_into();
        signature.map_err(|_| AgentError::NotUnderstood)
    }

    fn ask(&self, request: &[u8]) -> Result<Vec<u8>, AgentError> {
        let mut kept = self
            .connection
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(mut stream) = kept.take() {
            match exchange(&mut stream, request) {
                Ok(answer) => {
                    *kept = Some(stream);
                    return Ok(answer);
                }
                // Whoever should touch a device would be asked twice, and others wait for this.
                Err(AgentError::Silent) => return Err(AgentError::Silent),
                Err(_it_was_started_anew) => {}
            }
        }
        let mut stream = UnixStream::connect(&self.socket).map_err(AgentError::Away)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        let answer = exchange(&mut stream, request)?;
        *kept = Some(stream);
        Ok(answer)
    }
}

impl KeyKeeper for Agent {
    fn sign(
        &self,
        public: &ed25519::PublicKey,
        message: &[u8],
    ) -> Result<[u8; ed25519::SIGNATURE_LEN], KeeperError> {
        self.signature(public, message).map_err(|e| KeeperError {
            reason: format!("the ssh-agent at {}: {e}", self.socket.display()),
        })
    }
}

fn exchange(stream: &mut UnixStream, request: &[u8]) -> Result<Vec<u8>, AgentError> {
    let mut framed = Vec::with_capacity(request.len().saturating_add(4));
    put(request, &mut framed);
    stream.write_all(&framed)?;
    let mut len = [0; 4];
    stream.read_exact(&mut len)?;
    let len = u32::from_be_bytes(len);
    if len > MAX_MESSAGE {
        return Err(AgentError::NotUnderstood);
    }
    let mut answer = vec![0; len as usize];
    stream.read_exact(&mut answer)?;
    Ok(answer)
}

fn ed25519_key(blob: &[u8]) -> Result<[u8; ed25519::PUBLIC_KEY_LEN], AgentError> {
    let mut input = Input(blob);
    if input.string()? != ED25519 {
        return Err(AgentError::NotUnderstood);
    }
    let key = input.string()?.try_into();
    key.map_err(|_| AgentError::NotUnderstood)
}

/// Messages are ours and short; the length always fits.
fn put(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
    out.extend_from_slice(bytes);
}

struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn byte(&mut self) -> Result<u8, AgentError> {
        let (byte, rest) = self.0.split_first().ok_or(AgentError::NotUnderstood)?;
        self.0 = rest;
        Ok(*byte)
    }

    fn length(&mut self) -> Result<u32, AgentError> {
        let (len, rest) = self
            .0
            .split_first_chunk()
            .ok_or(AgentError::NotUnderstood)?;
        self.0 = rest;
        Ok(u32::from_be_bytes(*len))
    }

    fn string(&mut self) -> Result<&'a [u8], AgentError> {
        let len = self.length()? as usize;
        let (string, rest) = self
            .0
            .split_at_checked(len)
            .ok_or(AgentError::NotUnderstood)?;
        self.0 = rest;
        Ok(string)
    }
}
