//! A machine that holds files and serves them by their hash.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use iroh::EndpointId;
use iroh::endpoint::Incoming;
use iroh::protocol::{IncomingFilterOutcome, Router};
use iroh_blobs::BlobFormat;
use iroh_blobs::api::blobs::{AddPathOptions, ImportMode};
use iroh_blobs::api::proto::BlobStatus;
use iroh_blobs::store::fs::FsStore;
use tokio::sync::watch;

use crate::busy::Busy;
use crate::check::Found;
use crate::control::Control;
use crate::error::{Cause, Error};
use crate::hash::ContentHash;
use crate::index::List;
use crate::network;
use crate::peer::{Endpoint, Peer, Peers};
use crate::place::Place;
use crate::protocol;
use crate::serve::{Holding, Reading};
use crate::ticket::Ticket;
use crate::transfer::Local;

/// Serves what was ever published from a folder and what it keeps for one's other machines, until it is closed.
///
/// Anyone who reaches the address and knows a hash can read its bytes; nobody can write or list. Machines that were added
/// can ask for copies to be kept. The endpoint's key and its address are kept, so that a ticket is good again after a
/// restart.
#[derive(Debug)]
pub struct Holder {
    inner: Arc<Inner>,
    router: Router,
    control: Option<Control>,
}

/// What the endpoint's handlers work on.
#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) place: Place,
    pub(crate) store: FsStore,
    pub(crate) endpoint: iroh::Endpoint,
    addresses: BTreeSet<SocketAddr>,
    peers: watch::Sender<Peers>,
    /// Held while the file of peers is read, changed and written.
    editing: Mutex<()>,
    /// One change to a copy at a time: an import and a repair of one hash would undo each other.
    pub(crate) copies: Busy<ContentHash>,
    /// One copy at a time is made for a machine.
    pub(crate) owners: Busy<Endpoint>,
    /// One audit or repair at a time.
    pub(crate) auditing: tokio::sync::Mutex<()>,
}

impl Holder {
    /// Takes the folder, listens and serves. `bind` is a UDP address of this machine; without it, it is the one of the
    /// last time, and the first time all IPv4 addresses and a free port.
    ///
    /// # Errors
    ///
    /// [`Error::InUse`], [`Error::Bind`], [`Error::NoAddress`], [`Error::Damaged`], or the disk's. The folder may have
    /// been made.
    pub async fn open(folder: &Path, bind: Option<SocketAddr>) -> Result<Self, Error> {
        let place = Place::take(folder)?;
        let key = place.key()?;
        let peers = place.peers()?;
        let wanted = match bind {
            Some(address) => address,
            None => place
                .address()?
                .unwrap_or_else(|| SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0)),
        };
        let endpoint = network::endpoint(wanted, Some(key)).await?;
        let bound = endpoint.bound_sockets().first().copied();
        let bound = bound.ok_or(Error::NoAddress)?;
        let addresses = addresses(&endpoint, bound).await?;
        if place.address()? != Some(bound) {
            place.keep_address(bound)?;
        }
        let store = place.store().await?;
        let inner = Arc::new(Inner {
            place,
            store,
            endpoint: endpoint.clone(),
            addresses,
            peers: watch::Sender::new(peers),
            editing: Mutex::new(()),
            copies: Busy::default(),
            owners: Busy::default(),
            auditing: tokio::sync::Mutex::new(()),
        });
        let router = Router::builder(endpoint)
            .incoming_filter(Arc::new(validated))
            .accept(iroh_blobs::ALPN, Reading::new(Arc::clone(&inner)))
            .accept(protocol::ALPN, Holding::new(Arc::clone(&inner)))
            .spawn();
        Ok(Self {
            inner,
            router,
            control: None,
        })
    }

    /// Lets other processes of this machine give orders to this one, through a socket in the folder.
    ///
    /// # Errors
    ///
    /// [`Error::Disk`]: the socket cannot be made.
    pub fn listen(&mut self) -> Result<(), Error> {
        self.control = Some(Control::listen(&self.inner)?);
        Ok(())
    }

    pub(crate) fn inner(&self) -> &Arc<Inner> {
        &self.inner
    }

    /// Copies a file's exact bytes into the store. When this returns they are on disk, and served from now on.
    ///
    /// # Errors
    ///
    /// [`Error::Empty`], or the disk's. Nothing more is published than before.
    pub async fn publish(&self, file: &Path) -> Result<ContentHash, Error> {
        self.inner.publish(file).await
    }

    /// Everything that was published here, in the order of the hashes.
    ///
    /// # Errors
    ///
    /// [`Error::Damaged`], or the disk's.
    pub fn published(&self) -> Result<Vec<ContentHash>, Error> {
        self.inner.published()
    }

    /// The ticket for a hash. It is the same as long as the machine's addresses are.
    #[must_use]
    pub fn ticket(&self, hash: ContentHash) -> Ticket {
        self.inner.ticket(hash)
    }

    /// This machine, as it is added on others.
    #[must_use]
    pub fn peer(&self) -> Peer {
        self.inner.peer()
    }

    /// Ends all transfers, closes the store and gives the folder back.
    pub async fn close(self) {
        drop(self.control);
        // Whatever fails here, everything that was promised is on disk already.
        let _ended = self.router.shutdown().await;
        let _closed = self.inner.store.shutdown().await;
    }
}

impl Inner {
    pub(crate) async fn publish(&self, file: &Path) -> Result<ContentHash, Error> {
        let file = fs::canonicalize(file).map_err(Error::disk("read", file))?;
        let meta = fs::metadata(&file).map_err(Error::disk("read", &file))?;
        if !meta.is_file() {
            let why = std::io::Error::other("it is not a regular file");
            return Err(Error::disk("read", &file)(why));
        }
        if meta.len() == 0 {
            return Err(Error::Empty(file));
        }
        let hash = tokio::task::block_in_place(|| hash_of(&file))?;
        let _alone = self.copies.alone(hash).await;
        // A good copy is left where it is: for a moment, another in its place would not be durable.
        let known = self.size(hash).await?.is_some();
        let (hash, size) = match known && matches!(self.check(hash).await?, Found::Whole(_)) {
            true => (hash, meta.len()),
            false => {
                let hash = self.import(&file).await?;
                match self.check(hash).await? {
                    Found::Whole(size) => (hash, size),
                    Found::Damaged | Found::Missing => {
                        return Err(Error::NotKept(self.place.blobs()));
                    }
                }
            }
        };
        self.place.enter(List::Published, hash, size)?;
        Ok(hash)
    }

    /// Copies a file into the store, in place of a damaged copy too, and makes it durable. The caller works on the hash,
    /// alone.
    pub(crate) async fn import(&self, file: &Path) -> Result<ContentHash, Error> {
        let options = AddPathOptions {
            path: file.to_owned(),
            format: BlobFormat::Raw,
            mode: ImportMode::Copy,
        };
        let added = self.store.add_path_with_opts(options).temp_tag().await;
        let added = added.map_err(|e| self.failed(e.into()))?;
        self.record().await?;
        self.place.sync(added.hash())?;
        Ok(ContentHash::from(*added.hash().as_bytes()))
    }

    /// Makes durable what the store knows of its blobs.
    pub(crate) async fn record(&self) -> Result<(), Error> {
        let synced = self.store.sync_db().await;
        synced.map_err(|e| self.failed(e.into()))
    }

    pub(crate) fn published(&self) -> Result<Vec<ContentHash>, Error> {
        let listed = self.place.listed(List::Published)?;
        Ok(listed.into_iter().map(|(hash, _)| hash).collect())
    }

    pub(crate) fn ticket(&self, hash: ContentHash) -> Ticket {
        Ticket::new(self.endpoint.id(), &self.addresses, hash)
    }

    pub(crate) fn peer(&self) -> Peer {
        Peer::new(self.endpoint.id(), self.addresses.clone())
    }

    pub(crate) fn peers(&self) -> Peers {
        self.peers.borrow().clone()
    }

    /// Ends when a machine is not known any more.
    pub(crate) async fn removed(&self, id: EndpointId) {
        let mut peers = self.peers.subscribe();
        // The sender is in `self`: it is there as long as this waits.
        let _peers = peers.wait_for(|peers| peers.get(id).is_none()).await;
    }

    /// Changes what is known of the other machines: on disk, then here.
    pub(crate) fn edit_peers(
        &self,
        change: impl FnOnce(&mut Peers) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let _alone = self.editing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut peers = self.peers();
        change(&mut peers)?;
        self.place.keep_peers(&peers)?;
        self.peers.send_replace(peers);
        Ok(())
    }

    pub(crate) fn local(&self) -> Local<'_> {
        Local {
            store: &self.store,
            path: self.place.blobs(),
        }
    }

    fn failed(&self, source: Cause) -> Error {
        self.local().failed(source)
    }

    /// The size of a blob that the store believes to be complete.
    pub(crate) async fn size(&self, hash: ContentHash) -> Result<Option<u64>, Error> {
        let status = self.store.status(hash.blob()).await;
        Ok(match status.map_err(|e| self.failed(e.into()))? {
            BlobStatus::Complete { size } => Some(size),
            BlobStatus::Partial { .. } | BlobStatus::NotFound => None,
        })
    }
}

/// The hash of a file as it is now.
fn hash_of(path: &Path) -> Result<ContentHash, Error> {
    let mut file = fs::File::open(path).map_err(Error::disk("read", path))?;
    let mut hasher = blake3::Hasher::new();
    let mut piece = vec![0; 256 << 10];
    loop {
        match file.read(&mut piece).map_err(Error::disk("read", path))? {
            0 => return Ok(ContentHash::from(*hasher.finalize().as_bytes())),
            n => hasher.update(&piece[..n]),
        };
    }
}

/// An address must show that it receives before it costs a handshake (RFC 9000, section 8.1.2).
fn validated(incoming: &Incoming) -> IncomingFilterOutcome {
    match incoming.remote_addr_validated() {
        true => IncomingFilterOutcome::Accept,
        false => IncomingFilterOutcome::Retry,
    }
}

/// The addresses that go into tickets: the bound one, or all of the machine's if it is bound to any.
async fn addresses(
    endpoint: &iroh::Endpoint,
    bound: SocketAddr,
) -> Result<BTreeSet<SocketAddr>, Error> {
    if !bound.ip().is_unspecified() {
        return Ok(BTreeSet::from([bound]));
    }
    for _ in 0..250 {
        let found = endpoint.addr();
        let found: BTreeSet<SocketAddr> = found.ip_addrs().copied().collect();
        if !found.is_empty() {
            return Ok(found);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Err(Error::NoAddress)
}
