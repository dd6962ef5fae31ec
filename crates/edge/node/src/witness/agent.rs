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

const REQUEST_IDENTITIES: u8 = 11;
const IDENTITIES_ANSWER: u8 = 12;
const SIGN_REQUEST: u8 = 13;
const SIGN_RESPONSE: u8 = 14;
const ED25519: &[u8] = b"ssh-ed25519";

/// The longest answer we read: OpenSSH's own limit.
const MAX_MESSAGE: u32 = 256 * 1024;
/// A person may have to touch a device.
const TIMEOUT: Duration = Duration::from_secs(30);

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
    pub(super) fn keys(&self) -> io::Result<Vec<[u8; ed25519::PUBLIC_KEY_LEN]>> {
        let answer = self.ask(&[REQUEST_IDENTITIES])?;
        let mut input = Input(&answer);
        let mut keys = Vec::new();
        if input.byte()? != IDENTITIES_ANSWER {
            return Err(not_understood());
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
    ) -> io::Result<[u8; ed25519::SIGNATURE_LEN]> {
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
            return Err(io::Error::other("the agent refuses to sign with this key"));
        }
        let mut signature = Input(input.string()?);
        if signature.string()? != ED25519 {
            return Err(not_understood());
        }
        signature.string()?.try_into().map_err(|_| not_understood())
    }

    fn ask(&self, request: &[u8]) -> io::Result<Vec<u8>> {
        let mut kept = self
            .connection
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(mut stream) = kept.take()
            && let Ok(answer) = exchange(&mut stream, request)
        {
            *kept = Some(stream);
            return Ok(answer);
        }
        let mut stream = UnixStream::connect(&self.socket)?;
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
            reason: format!("ssh-agent at {}: {e}", self.socket.display()),
        })
    }
}

fn exchange(stream: &mut UnixStream, request: &[u8]) -> io::Result<Vec<u8>> {
    let mut framed = Vec::with_capacity(request.len().saturating_add(4));
    put(request, &mut framed);
    stream.write_all(&framed)?;
    let mut len = [0; 4];
    stream.read_exact(&mut len)?;
    let len = u32::from_be_bytes(len);
    if len > MAX_MESSAGE {
        return Err(not_understood());
    }
    let mut answer = vec![0; len as usize];
    stream.read_exact(&mut answer)?;
    Ok(answer)
}

fn ed25519_key(blob: &[u8]) -> io::Result<[u8; ed25519::PUBLIC_KEY_LEN]> {
    let mut input = Input(blob);
    if input.string()? != ED25519 {
        return Err(not_understood());
    }
    input.string()?.try_into().map_err(|_| not_understood())
}

fn not_understood() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        "the agent's answer is not understood",
    )
}

/// Messages are ours and short; the length always fits.
fn put(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
    out.extend_from_slice(bytes);
}

struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn byte(&mut self) -> io::Result<u8> {
        let (byte, rest) = self.0.split_first().ok_or_else(not_understood)?;
        self.0 = rest;
        Ok(*byte)
    }

    fn length(&mut self) -> io::Result<u32> {
        let (len, rest) = self.0.split_first_chunk().ok_or_else(not_understood)?;
        self.0 = rest;
        Ok(u32::from_be_bytes(*len))
    }

    fn string(&mut self) -> io::Result<&'a [u8]> {
        let len = self.length()? as usize;
        let (string, rest) = self.0.split_at_checked(len).ok_or_else(not_understood)?;
        self.0 = rest;
        Ok(string)
    }
}
