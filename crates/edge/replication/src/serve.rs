//! What others may do here: read by hash, and, if they were added, ask for copies to be kept.

use std::sync::Arc;
use std::time::Duration;

use iroh::EndpointId;
use iroh::endpoint::Connection;
use iroh::protocol::{AcceptError, ProtocolHandler};
use iroh_blobs::provider;
use iroh_blobs::provider::events::{
    AbortReason, EventMask, EventSender, ObserveMode, ProviderMessage, RequestMode,
};
use tokio::time::timeout;

use crate::busy::{Busy, Working};
use crate::copy::obtain;
use crate::error::{Error, Kind};
use crate::hash::ContentHash;
use crate::holder::Inner;
use crate::index::List;
use crate::peer::Endpoint;
use crate::protocol::{self, BUSY, NOT_A_PEER, Refusal, Request, Response};
use crate::transfer::proven_size;

/// Connections that strangers may have open at a time.
const STRANGERS: usize = 128;
/// Connections that each machine which was added may have open, beside those of the others and of strangers.
const EACH_PEER: usize = 4;
/// How long a request may take to arrive, and an answer to be taken.
const SAID: Duration = Duration::from_secs(15);
/// How long a stranger may keep a connection on which less than 16 KiB are sent.
const IDLE: Duration = Duration::from_secs(60);
/// What a file costs beside its bytes: the blocks of its file, its tree, and the files that name it.
const FILE: u64 = 16 << 10;

/// Who has connections open: a machine that was added, or strangers, who count as one.
type Guests = Busy<Option<EndpointId>>;

/// None if there are too many.
fn enter(guests: &Guests, who: Option<EndpointId>) -> Option<Working<Option<EndpointId>>> {
    guests.begin(who, who.map_or(STRANGERS, |_| EACH_PEER))
}

/// Reading by hash, and nothing else: pushing would write, and observing would keep a file open for ever.
pub(crate) fn only_reading() -> EventSender {
    let mask = EventMask {
        get_many: RequestMode::Disabled,
        push: RequestMode::Disabled,
        observe: ObserveMode::Intercept,
        ..EventMask::DEFAULT
    };
    let (events, mut asked) = EventSender::channel(16, mask);
    tokio::spawn(async move {
        while let Some(message) = asked.recv().await {
            if let ProviderMessage::ObserveRequestReceived(asked) = message {
                let _gone = asked.tx.send(Err(AbortReason::Permission)).await;
            }
        }
    });
    events
}

/// Reading by hash.
#[derive(Debug)]
pub(crate) struct Reading {
    inner: Arc<Inner>,
    guests: Guests,
    events: EventSender,
}

impl Reading {
    pub(crate) fn new(inner: Arc<Inner>) -> Self {
        Self {
            inner,
            guests: Guests::default(),
            events: only_reading(),
        }
    }
}

impl ProtocolHandler for Reading {
    async fn accept(&self, connection: Connection) -> Result<(), AcceptError> {
        let id = connection.remote_id();
        let known = self.inner.peers().get(id).is_some();
        let Some(_guest) = enter(&self.guests, known.then_some(id)) else {
            connection.close(BUSY.into(), b"too many connections");
            return Ok(());
        };
        let store = (*self.inner.store).clone();
        let served = provider::handle_connection(connection.clone(), store, self.events.clone());
        tokio::select! {
            () = served => {}
            () = idle(&connection), if !known => connection.close(BUSY.into(), b"idle"),
        }
        Ok(())
    }
}

/// Ends when almost nothing was sent for a minute.
async fn idle(connection: &Connection) {
    let sent = || connection.stats().udp_tx.bytes;
    let mut before = sent();
    loop {
        tokio::time::sleep(IDLE).await;
        let now = sent();
        if now < before.saturating_add(16 << 10) {
            return;
        }
        before = now;
    }
}

/// Keeping copies for machines that were added.
#[derive(Debug)]
pub(crate) struct Holding {
    inner: Arc<Inner>,
    guests: Guests,
}

impl Holding {
    pub(crate) fn new(inner: Arc<Inner>) -> Self {
        Self {
            inner,
            guests: Guests::default(),
        }
    }

    /// Answers one request after the other. None when there is no other.
    async fn answer(&self, connection: &Connection) -> Option<()> {
        let (mut send, mut recv) = timeout(SAID, connection.accept_bi()).await.ok()?.ok()?;
        let request = timeout(SAID, protocol::read(&mut recv)).await.ok()?.ok()?;
        let Request::Hold { hash } = request;
        let response = match self.inner.hold(connection, hash).await {
            Ok(fetched) => Response::Held { fetched },
            Err(why) => Response::Refused { why },
        };
        let said = timeout(SAID, protocol::write(&mut send, &response)).await;
        said.ok()?.ok()
    }
}

impl ProtocolHandler for Holding {
    async fn accept(&self, connection: Connection) -> Result<(), AcceptError> {
        let peer = connection.remote_id();
        let answering = async {
            match enter(&self.guests, Some(peer)) {
                Some(_guest) => while self.answer(&connection).await.is_some() {},
                None => connection.close(BUSY.into(), b"too many connections"),
            }
        };
        // Who was never added is refused before a word is read, and who is removed from that moment on.
        tokio::select! {
            biased;
            () = self.inner.removed(peer) => {
                connection.close(NOT_A_PEER.into(), b"not one of this machine's peers");
            }
            () = answering => {}
        }
        Ok(())
    }
}

impl Inner {
    /// Keeps a copy for the machine at the other end, which serves it over the same connection; bytes fetched.
    async fn hold(&self, connection: &Connection, hash: ContentHash) -> Result<u64, Refusal> {
        let id = connection.remote_id();
        let owner = Endpoint(id);
        let one_each = (self.owners.begin(owner, 1), self.copies.begin(hash, 1));
        let (Some(_owner), Some(_copy)) = &one_each else {
            return Err(Refusal::Busy);
        };
        let max = self.peers().get(id).map_or(0, |known| known.max_bytes);
        let kept = self.keep(connection, hash, owner, max).await;
        kept.map_err(|error| refusal(&error))
    }

    async fn keep(
        &self,
        connection: &Connection,
        hash: ContentHash,
        owner: Endpoint,
        max: u64,
    ) -> Result<u64, Error> {
        let list = List::Held(owner);
        let others = self.place.listed(list)?;
        let others = others.into_iter().filter(|(other, _)| *other != hash);
        let others = others.fold(0_u64, |sum, (_, size)| {
            sum.saturating_add(size).saturating_add(FILE)
        });
        let left = max.saturating_sub(others).saturating_sub(FILE);
        let size = match self.size(hash).await? {
            Some(size) => size,
            None => {
                let size = proven_size(connection, hash.blob()).await;
                size.map_err(|fault| self.local().error(fault))?
            }
        };
        if size > left {
            return Err(Error::TooLarge { size, max: left });
        }
        // Before a byte is fetched: what breaks off counts against the limit, too.
        self.place.enter(list, hash, size)?;
        obtain(self, connection.clone(), hash, left).await
    }
}

/// What a machine is told that asked for a copy.
fn refusal(error: &Error) -> Refusal {
    match error.kind() {
        Kind::TooLarge => Refusal::Quota,
        Kind::Unreachable | Kind::BrokenOff | Kind::NotHeld | Kind::NotOfThisHash => {
            Refusal::Transfer
        }
        Kind::InUse
        | Kind::Disk
        | Kind::Damaged
        | Kind::Empty
        | Kind::Randomness
        | Kind::Listen
        | Kind::NotKept
        | Kind::Refused
        | Kind::Peer
        | Kind::NothingPublished
        | Kind::OtherVersion => Refusal::Disk,
    }
}
