//! How many good copies there are of what was published here, and more of them where there are too few.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use iroh::EndpointId;
use iroh::endpoint::{Connection, ConnectionError};
use iroh_blobs::provider;
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

use crate::check::Found;
use crate::copy::obtain;
use crate::error::{Cause, Error};
use crate::fault::{Fault, deadline};
use crate::hash::ContentHash;
use crate::holder::Inner;
use crate::network;
use crate::peer::{Endpoint, Peer};
use crate::probe::probe;
use crate::protocol::{self, Request, Response};
use crate::serve::only_reading;

/// How long a machine has before it is asked again.
const AGAIN: Duration = Duration::from_millis(500);

/// What an audit found, or a repair left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Audit {
    /// When it ended, in seconds since 1970-01-01T00:00:00Z.
    pub at: u64,
    /// Each file that was published here.
    pub files: Vec<Audited>,
}

impl Audit {
    /// Whether every file has as many good copies as are wanted.
    #[must_use]
    pub fn is_met(&self) -> bool {
        self.files.iter().all(|f| f.good >= f.wanted)
    }
}

/// The copies of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Audited {
    /// Of what.
    pub hash: ContentHash,
    /// How many good copies there are, the one on this machine among them.
    pub good: u32,
    /// How many there should be.
    pub wanted: u32,
    /// This machine's first, then those of the others.
    pub copies: Vec<Copy>,
}

/// One copy, or its absence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Copy {
    /// Whose; none for this machine.
    pub holder: Option<Endpoint>,
    /// What was found.
    pub state: State,
    /// Bytes that were verified against the hash to find it.
    pub verified: u64,
    /// Bytes that were fetched to repair it.
    pub repaired: u64,
    /// What was said, where it is not good.
    pub why: Option<String>,
}

/// What a copy is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Every byte that was asked for came and belongs to the hash.
    Good,
    /// There is none, or it has no end: what was cut off cannot be told from what was never there.
    Missing,
    /// There is some of it, and not all that was asked for.
    Damaged,
    /// Other bytes came: a holder that does not do what it should.
    WrongBytes,
    /// The machine did not answer, or not to the end.
    Unreachable,
}

/// The other machines that were reached, and why the others were not.
struct Reached(BTreeMap<EndpointId, Result<Connection, String>>);

impl Reached {
    async fn connect(inner: &Inner, peers: &[Peer]) -> Self {
        let connecting = peers.iter().map(async |peer| {
            let connected = network::connect(&inner.endpoint, peer.address(), iroh_blobs::ALPN);
            (peer.id(), connected.await.map_err(|e| e.told()))
        });
        Self(join_all(connecting).await.into_iter().collect())
    }

    fn get(&self, peer: &Peer) -> Result<&Connection, String> {
        match self.0.get(&peer.id()) {
            Some(Ok(connection)) => Ok(connection),
            Some(Err(why)) => Err(why.clone()),
            None => Err("it was not asked".to_owned()),
        }
    }

    /// What the machines prove of their copies of one file, all at the same time. Who did not answer is not asked for the
    /// next file: silence must not cost its deadline for each.
    async fn look(&mut self, hash: ContentHash, peers: &[Peer], samples: u32) -> Vec<Copy> {
        let looking = peers.iter().map(async |peer| match self.get(peer) {
            Ok(connection) => (look(connection, hash, peer, samples).await, true),
            Err(why) => (unreachable(peer, why), false),
        });
        let looked = join_all(looking).await;
        let mut copies = Vec::new();
        for (peer, (copy, asked)) in peers.iter().zip(looked) {
            if asked && copy.state == State::Unreachable {
                let why = copy.why.clone().unwrap_or_default();
                self.0.insert(peer.id(), Err(why));
            }
            copies.push(copy);
        }
        copies
    }
}

/// One file, while it is looked at and mended.
struct File<'a> {
    hash: ContentHash,
    samples: u32,
    wanted: u32,
    /// In the order in which they are asked to keep it.
    peers: &'a [Peer],
    /// This machine's, then those of `peers`.
    copies: Vec<Copy>,
}

impl Inner {
    /// Reads the copies here in full, and asks every other machine for `samples` pieces of each file that it cannot
    /// foresee.
    pub(crate) async fn audit(&self, samples: u32) -> Result<Audit, Error> {
        self.walk(samples, false).await
    }

    /// As an audit, and then mends: a damaged copy here from a good one, damaged copies elsewhere, and new copies until
    /// there are as many as are wanted. What another machine says that it did is asked for again.
    pub(crate) async fn repair(&self, samples: u32) -> Result<Audit, Error> {
        self.walk(samples, true).await
    }

    async fn walk(&self, samples: u32, mend: bool) -> Result<Audit, Error> {
        let _alone = self.auditing.lock().await;
        let published = self.published()?;
        if published.is_empty() {
            return Err(Error::NothingPublished(self.place.folder().to_owned()));
        }
        let known = self.peers();
        let mut peers: Vec<Peer> = known.asked().cloned().collect();
        let mut reached = Reached::connect(self, &peers).await;
        let mut files = Vec::new();
        for hash in published {
            // Another order for each file, the same one each time: copies spread over the machines.
            peers.sort_by_key(|peer| rank(hash, peer));
            let mut copies = vec![self.own(hash).await];
            copies.extend(reached.look(hash, &peers, samples).await);
            let mut file = File {
                hash,
                samples,
                wanted: known.wanted(),
                peers: &peers,
                copies,
            };
            if mend {
                self.mend_own(&mut file, &reached).await;
                self.mend_others(&mut file, &reached).await;
            }
            files.push(Audited {
                hash,
                good: good(&file.copies),
                wanted: file.wanted,
                copies: file.copies,
            });
        }
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let audit = Audit {
            at: since.unwrap_or(Duration::ZERO).as_secs(),
            files,
        };
        self.place.keep_audit(&audit)?;
        Ok(audit)
    }

    /// This machine's copy, every byte of it and its tree. A disk that fails costs this file its copy, and no other.
    async fn own(&self, hash: ContentHash) -> Copy {
        let _alone = self.copies.alone(hash).await;
        let known = self.size(hash).await;
        let found = match known {
            // Without the store's word for it nothing is served.
            Ok(None) => Ok(Found::Missing),
            Ok(Some(_)) => self.check(hash).await,
            Err(e) => Err(e),
        };
        let (state, verified, why) = match found {
            Ok(Found::Whole(size)) => (State::Good, size, None),
            Ok(Found::Damaged) => (State::Damaged, 0, None),
            Ok(Found::Missing) => (State::Missing, 0, None),
            Err(e) => (State::Damaged, 0, Some(e.told())),
        };
        Copy {
            holder: None,
            state,
            verified,
            repaired: 0,
            why,
        }
    }

    /// Mends the copy here from the first good one elsewhere.
    async fn mend_own(&self, file: &mut File<'_>, reached: &Reached) {
        if file.copies[0].state == State::Good {
            return;
        }
        for (n, peer) in file.peers.iter().enumerate() {
            let (State::Good, Ok(connection)) = (file.copies[n + 1].state, reached.get(peer))
            else {
                continue;
            };
            let mended = {
                let _alone = self.copies.alone(file.hash).await;
                obtain(self, connection.clone(), file.hash, u64::MAX).await
            };
            match mended {
                Ok(fetched) => {
                    file.copies[0] = Copy {
                        repaired: fetched,
                        ..self.own(file.hash).await
                    };
                    return;
                }
                // The next may do better, unless it is this machine's disk; then it says the same again.
                Err(e) => file.copies[0].why = Some(e.told()),
            }
        }
    }

    /// Has other machines fetch from here: those whose copy is damaged, and those without one while there are too few.
    async fn mend_others(&self, file: &mut File<'_>, reached: &Reached) {
        if file.copies[0].state != State::Good {
            return;
        }
        let size = file.copies[0].verified;
        for (n, peer) in file.peers.iter().enumerate() {
            let mend = match file.copies[n + 1].state {
                State::Damaged => true,
                State::Missing => good(&file.copies) < file.wanted,
                State::Good | State::WrongBytes | State::Unreachable => false,
            };
            if !mend {
                continue;
            }
            let held = self.have_held(peer, file.hash, size).await;
            let copy = match (held, reached.get(peer)) {
                (Ok(fetched), Ok(connection)) => Copy {
                    // Its word, but no more than there is.
                    repaired: fetched.min(size),
                    ..look(connection, file.hash, peer, file.samples).await
                },
                (Ok(_), Err(why)) => unreachable(peer, why),
                (Err(e), _) => Copy {
                    why: Some(e.told()),
                    ..file.copies[n + 1].clone()
                },
            };
            file.copies[n + 1] = copy;
        }
    }

    /// Asks a machine to hold a copy, and serves it over the same connection; the bytes that it says that it fetched.
    async fn have_held(&self, peer: &Peer, hash: ContentHash, size: u64) -> Result<u64, Error> {
        let connection = network::connect(&self.endpoint, peer.address(), protocol::ALPN).await?;
        let served = connection.clone();
        let serving = provider::handle_connection(served, (*self.store).clone(), only_reading());
        let request = Request::Hold { hash };
        let asking = protocol::ask(&connection, &request);
        // It reads its copy in full, fetches another and reads that: 32 MiB a second are allowed for each reading.
        let limit = deadline(size) + 2 * Duration::from_secs(size >> 25);
        let answered = tokio::select! {
            answer = timeout(limit, asking) => {
                answer.unwrap_or(Err(Error::Slow(limit.as_secs())))
            }
            // The connection ended.
            () = serving => Err(Error::Broken(closed(&connection))),
        };
        let answered = match connection.close_reason() {
            Some(ConnectionError::ApplicationClosed(why))
                if why.error_code == protocol::NOT_A_PEER.into() =>
            {
                return Err(Error::NotAdded);
            }
            Some(_) | None => answered?,
        };
        connection.close(0u32.into(), b"done");
        match answered {
            Response::Held { fetched } => Ok(fetched),
            Response::Refused { why } => Err(Error::Refused(why)),
        }
    }
}

fn closed(connection: &Connection) -> Cause {
    match connection.close_reason() {
        Some(reason) => reason.into(),
        None => "the connection ended".into(),
    }
}

/// What another machine proves of its copy. What it says that it does not have is asked for once more: a store that is
/// asked too much at once says so, too.
async fn look(connection: &Connection, hash: ContentHash, peer: &Peer, samples: u32) -> Copy {
    let mut probed = probe(connection, hash.blob(), samples).await;
    if matches!(probed, Err(Fault::Missing | Fault::Damaged)) {
        tokio::time::sleep(AGAIN).await;
        probed = probe(connection, hash.blob(), samples).await;
    }
    let (state, verified) = match probed {
        Ok(octets) => (State::Good, octets),
        Err(Fault::Missing) => (State::Missing, 0),
        Err(Fault::Damaged) => (State::Damaged, 0),
        Err(Fault::WrongBytes(_)) => (State::WrongBytes, 0),
        Err(Fault::Ours(cause)) => return unreachable(peer, cause.to_string()),
        Err(Fault::Failed(error)) => return unreachable(peer, error.told()),
    };
    Copy {
        holder: Some(peer.endpoint()),
        state,
        verified,
        repaired: 0,
        why: None,
    }
}

fn unreachable(peer: &Peer, why: String) -> Copy {
    Copy {
        holder: Some(peer.endpoint()),
        state: State::Unreachable,
        verified: 0,
        repaired: 0,
        why: Some(why),
    }
}

fn good(copies: &[Copy]) -> u32 {
    let good = copies.iter().filter(|c| c.state == State::Good).count();
    u32::try_from(good).unwrap_or(u32::MAX)
}

/// Rendezvous hashing: a machine's rank for a file depends on the two alone.
fn rank(hash: ContentHash, peer: &Peer) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(hash.as_bytes());
    hasher.update(peer.id().as_bytes());
    *hasher.finalize().as_bytes()
}
