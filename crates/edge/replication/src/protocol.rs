//! What one's own machines say to each other, beside the bytes themselves: one request and one answer per stream, each
//! a JSON document of at most 4 KiB. The peer's key is proven by TLS before anything is read.

use iroh::endpoint::{Connection, RecvStream, SendStream};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::hash::ContentHash;

/// Names this version of the protocol; another version has another name, and no connection.
pub(crate) const ALPN: &[u8] = b"quorate/replicas/1";
/// The longest request and the longest answer, in bytes.
const MAX_LEN: usize = 4096;

/// Why a connection was closed before a request was read.
pub(crate) const NOT_A_PEER: u32 = 1;
/// Why a connection was closed: there are too many.
pub(crate) const BUSY: u32 = 2;

/// What a machine asks another for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Request {
    /// Keep a copy of this. Whoever is asked reads its own copy in full, and gets the bytes over this connection if it
    /// has none, or a damaged one.
    Hold {
        /// Of what.
        hash: ContentHash,
    },
}

/// What the other machine did. It is a claim: an audit proves it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Response {
    /// The copy was read in full and is good, or was fetched.
    Held {
        /// Bytes that were fetched for it; 0 if the copy was good already.
        fetched: u64,
    },
    /// It keeps no copy.
    Refused {
        /// Why.
        why: Refusal,
    },
}

/// Why a machine keeps no copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    /// It would be more than that machine keeps for this one.
    #[error("it would be more bytes than that machine keeps for this one")]
    Quota,
    /// It makes another copy for this machine, or of this file.
    #[error("that machine is at work on another copy; ask again later")]
    Busy,
    /// The bytes did not come, or not all of them, or others.
    #[error("that machine did not get the bytes from this one")]
    Transfer,
    /// That machine's disk or store failed.
    #[error("that machine could not keep it: its disk or its store failed")]
    Disk,
}

pub(crate) async fn ask(connection: &Connection, request: &Request) -> Result<Response, Error> {
    let broken = |e: crate::error::Cause| Error::Broken(e);
    let (mut send, mut recv) = connection.open_bi().await.map_err(|e| broken(e.into()))?;
    write(&mut send, request).await?;
    read(&mut recv).await
}

pub(crate) async fn read<T: DeserializeOwned>(from: &mut RecvStream) -> Result<T, Error> {
    let text = from.read_to_end(MAX_LEN).await;
    let text = text.map_err(|e| Error::Broken(e.into()))?;
    serde_json::from_slice(&text).map_err(|e| Error::Broken(e.into()))
}

pub(crate) async fn write<T: Serialize>(to: &mut SendStream, what: &T) -> Result<(), Error> {
    let text = serde_json::to_vec(what).map_err(|e| Error::Broken(e.into()))?;
    let sent = to.write_all(&text).await;
    sent.map_err(|e| Error::Broken(e.into()))?;
    to.finish().map_err(|e| Error::Broken(e.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r3_a_message_has_no_unknown_members() {
        let hash = "0f".repeat(32);
        let read = |text: &str| serde_json::from_str::<Request>(text).is_ok();
        assert!(read(&format!(r#"{{"hold":{{"hash":"{hash}"}}}}"#)));
        assert!(!read(&format!(r#"{{"hold":{{"hash":"{hash}","max":1}}}}"#)));
        assert!(!read(&format!(
            r#"{{"hold":{{"hash":"{}"}}}}"#,
            hash.to_uppercase()
        )));
        assert!(!read(r#"{"drop":{}}"#));
        assert!(!read(r#"{"hold":{}}"#));
        let read = |text: &str| serde_json::from_str::<Response>(text).is_ok();
        assert!(read(r#"{"held":{"fetched":0}}"#));
        assert!(read(r#"{"refused":{"why":"quota"}}"#));
        assert!(!read(r#"{"held":{"fetched":-1}}"#));
        assert!(!read(r#"{"refused":{"why":"lunch"}}"#));
    }
}
