//! Orders to a folder's holder: to the one of this process, or to the process that has the folder.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::audit::Audit;
use crate::error::{Error, Kind};
use crate::hash::ContentHash;
use crate::holder::{Holder, Inner};
use crate::index::List;
use crate::peer::{Endpoint, Known, Peer};

/// The socket's name in the folder. The folder is readable by its owner only, and so is the socket.
const SOCKET: &str = "control";
/// The version of what is said there: a program of another version is told to restart.
const VERSION: u32 = 1;
/// The longest order, in bytes.
const MAX_ORDER: u64 = 64 << 10;
/// The longest answer, in bytes: an audit of a hundred thousand copies.
const MAX_ANSWER: u64 = 64 << 20;
/// How long is waited after an order could not be taken.
const AGAIN: Duration = Duration::from_secs(1);
/// Files of each kind that a status lists.
const MAX_LISTED: usize = 10_000;
/// How long an order may take to be said.
const SAID: Duration = Duration::from_secs(15);

/// What a holder can be told to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Order {
    /// Publish a file; an absolute path.
    Publish {
        /// Which.
        file: PathBuf,
    },
    /// Add one of your own machines, or change what is known of it.
    Add {
        /// Who, where, and how much is kept for it.
        known: Known,
        /// How many copies of each file are wanted from now on; none: as before.
        copies: Option<u32>,
    },
    /// Forget a machine. What is kept for it stays.
    Remove {
        /// Whose endpoint.
        endpoint: Endpoint,
    },
    /// Tell what is known without asking anyone.
    Status,
    /// Look at all copies of what was published here.
    Audit {
        /// Pieces of 16 KiB of each copy elsewhere.
        samples: u32,
    },
    /// Look at all copies, and mend.
    Repair {
        /// Pieces of 16 KiB of each copy elsewhere.
        samples: u32,
    },
}

/// What it did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Done {
    /// It is published.
    Published {
        /// Under this hash.
        hash: ContentHash,
        /// A ticket for it.
        ticket: String,
    },
    /// It is so from now on.
    Kept,
    /// What is known.
    Status(Status),
    /// What was found, or was left after the repair.
    Audited(Audit),
}

/// What a holder knows without asking anyone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Status {
    /// This machine, as it is added on others.
    pub peer: Peer,
    /// How many copies of each file are wanted.
    pub wanted: u32,
    /// The other machines.
    pub peers: Vec<Known>,
    /// How many files were published here or are kept for others.
    pub files: usize,
    /// What was published here, at most 10,000 of it.
    pub published: Vec<Listed>,
    /// What is kept for others, or was begun to be fetched for them, at most 10,000 of it.
    pub held: Vec<Listed>,
    /// The last audit or repair.
    pub last_audit: Option<Audit>,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listed {
    /// Which.
    pub hash: ContentHash,
    /// Bytes.
    pub size: u64,
    /// For whom it is kept; none for this machine.
    pub owner: Option<Endpoint>,
    /// A ticket to this machine's copy.
    pub ticket: String,
}

/// Does one thing with a folder: here, or in the process that has it.
///
/// # Errors
///
/// Those of [`Holder::open`]; [`Error::InUse`] if the process that has the folder takes no orders; and what the order
/// itself can fail with: in the other process it is [`Error::Told`].
pub async fn order(folder: &Path, order: Order) -> Result<Done, Error> {
    // A folder that was never there is not made by looking for files in it.
    let looks = matches!(order, Order::Audit { .. } | Order::Repair { .. });
    if looks && !folder.exists() {
        return Err(Error::NothingPublished(folder.to_owned()));
    }
    match Holder::open(folder, None).await {
        Ok(holder) => {
            let done = holder.inner().execute(order).await;
            holder.close().await;
            done
        }
        Err(Error::InUse(folder)) => ask(&folder, order).await,
        Err(error) => Err(error),
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    version: u32,
    order: Order,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
enum Heard {
    Done(Done),
    Failed { kind: Kind, why: String },
}

async fn ask(folder: &Path, order: Order) -> Result<Done, Error> {
    let path = folder.join(SOCKET);
    let (short, _folder) = short(folder)?;
    // Whoever has the folder listens on no socket: an order that runs, or a holder that ends.
    let stream = UnixStream::connect(&short).await;
    let mut stream = stream.map_err(|_| Error::InUse(folder.to_owned()))?;
    let broken = Error::disk("speak at", &path);
    let said = Said {
        version: VERSION,
        order,
    };
    let heard = async {
        stream.write_all(&serde_json::to_vec(&said)?).await?;
        stream.write_all(b"\n").await?;
        let mut answer = Vec::new();
        let mut stream = stream.take(MAX_ANSWER);
        stream.read_to_end(&mut answer).await?;
        Ok(serde_json::from_slice(&answer)?)
    };
    match heard.await.map_err(broken)? {
        Heard::Done(done) => Ok(done),
        Heard::Failed { kind, why } => Err(Error::Told { kind, why }),
    }
}

/// Listens for orders until it is dropped.
#[derive(Debug)]
pub(crate) struct Control {
    task: JoinHandle<()>,
    path: PathBuf,
}

impl Control {
    pub(crate) fn listen(inner: &Arc<Inner>) -> Result<Self, Error> {
        let path = inner.place.folder().join(SOCKET);
        // The lock is ours: a socket that is there is of a process that is gone.
        match std::fs::remove_file(&path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => {
                return Err(Error::disk("remove", &path)(e));
            }
            Ok(()) | Err(_) => {}
        }
        let (short, _folder) = short(inner.place.folder())?;
        let listener = UnixListener::bind(&short).map_err(Error::disk("listen at", &path))?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))
            .map_err(Error::disk("restrict", &path))?;
        let inner = Arc::clone(inner);
        let task = tokio::spawn(async move {
            loop {
                let Ok((stream, _)) = listener.accept().await else {
                    // No file descriptors are left: others end, and give theirs back.
                    tokio::time::sleep(AGAIN).await;
                    continue;
                };
                let inner = Arc::clone(&inner);
                tokio::spawn(async move {
                    // Whoever asked has gone: what was done is done.
                    let _gone = answer(&inner, stream).await;
                });
            }
        });
        Ok(Self { task, path })
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.task.abort();
        // The next holder removes it, too.
        let _gone = std::fs::remove_file(&self.path);
    }
}

/// The socket's path, by way of the folder's descriptor where it is longer than a socket's may be (107 bytes on Linux).
fn short(folder: &Path) -> Result<(PathBuf, Option<File>), Error> {
    let path = folder.join(SOCKET);
    if path.as_os_str().len() <= 100 {
        return Ok((path, None));
    }
    let open = File::open(folder).map_err(Error::disk("open", folder))?;
    let by_descriptor = format!("/proc/self/fd/{}/{SOCKET}", open.as_raw_fd());
    Ok((PathBuf::from(by_descriptor), Some(open)))
}

async fn answer(inner: &Inner, stream: UnixStream) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut line = Vec::new();
    let said = (&mut stream).take(MAX_ORDER);
    let mut said = BufReader::new(said);
    timeout(SAID, said.read_until(b'\n', &mut line)).await??;
    let heard = match serde_json::from_slice(&line) {
        Ok(Said {
            version: VERSION,
            order,
        }) => match inner.execute(order).await {
            Ok(done) => Heard::Done(done),
            Err(error) => Heard::Failed {
                kind: error.kind(),
                why: error.told(),
            },
        },
        Ok(_) | Err(_) => Heard::Failed {
            kind: Kind::OtherVersion,
            why: "the process that serves the folder is of another version".to_owned(),
        },
    };
    stream.write_all(&serde_json::to_vec(&heard)?).await?;
    stream.shutdown().await
}

impl Inner {
    pub(crate) async fn execute(&self, order: Order) -> Result<Done, Error> {
        match order {
            Order::Publish { file } => {
                let hash = self.publish(&file).await?;
                let ticket = self.ticket(hash).to_string();
                Ok(Done::Published { hash, ticket })
            }
            Order::Add { known, copies } => self.add(known, copies),
            Order::Remove { endpoint } => {
                self.edit_peers(|peers| match peers.remove(endpoint.0) {
                    true => Ok(()),
                    false => Err(Error::NotKnown(endpoint)),
                })?;
                Ok(Done::Kept)
            }
            Order::Status => self.status().map(Done::Status),
            Order::Audit { samples } => self.audit(samples.max(1)).await.map(Done::Audited),
            Order::Repair { samples } => self.repair(samples.max(1)).await.map(Done::Audited),
        }
    }

    fn add(&self, known: Known, copies: Option<u32>) -> Result<Done, Error> {
        if known.peer.endpoint() == self.peer().endpoint() {
            return Err(Error::Itself);
        }
        self.edit_peers(|peers| {
            peers.copies = copies.or(peers.copies);
            match peers.add(known) {
                true => Ok(()),
                false => Err(Error::TooManyPeers),
            }
        })?;
        Ok(Done::Kept)
    }

    fn status(&self) -> Result<Status, Error> {
        let peers = self.peers();
        let published = self.place.listed(List::Published)?;
        let mut held = Vec::new();
        for owner in self.place.owners()? {
            let files = self.place.listed(List::Held(owner))?;
            held.extend(files.into_iter().map(|(hash, size)| (hash, size, owner)));
        }
        let listed = |hash, size, owner| Listed {
            hash,
            size,
            owner,
            ticket: self.ticket(hash).to_string(),
        };
        Ok(Status {
            peer: self.peer(),
            wanted: peers.wanted(),
            peers: peers.known().to_vec(),
            files: published.len() + held.len(),
            published: published
                .into_iter()
                .take(MAX_LISTED)
                .map(|(hash, size)| listed(hash, size, None))
                .collect(),
            held: held
                .into_iter()
                .take(MAX_LISTED)
                .map(|(hash, size, owner)| listed(hash, size, Some(owner)))
                .collect(),
            last_audit: self.place.audit()?,
        })
    }
}
