//! A machine of the test's own: an endpoint of iroh that says what it likes.

use iroh::endpoint::{Connection, presets};
use iroh::{Endpoint, EndpointAddr, RelayMode, SecretKey};
use iroh_blobs::api::TempTag;
use iroh_blobs::provider::events::{EventMask, EventSender, ProviderMessage, ThrottleMode};
use iroh_blobs::store::mem::MemStore;
use tokio::sync::oneshot;

use crate::process::{Publisher, Scene};

pub(crate) const REPLICAS: &[u8] = b"quorate/replicas/1";

/// On loopback, under the same key each time.
pub(crate) async fn endpoint() -> Endpoint {
    Endpoint::builder(presets::Minimal)
        .secret_key(SecretKey::from_bytes(&[9; 32]))
        .relay_mode(RelayMode::Disabled)
        .clear_ip_transports()
        .bind_addr("127.0.0.1:0")
        .unwrap()
        .bind()
        .await
        .unwrap()
}

/// Where an endpoint is reached.
pub(crate) fn address(endpoint: &Endpoint) -> EndpointAddr {
    EndpointAddr::new(endpoint.id()).with_ip_addr(endpoint.bound_sockets()[0])
}

/// Events that let so many bytes go and then fall silent; told when they do.
pub(crate) fn silent_after(limit: u64) -> (EventSender, oneshot::Receiver<()>) {
    let mask = EventMask {
        throttle: ThrottleMode::Intercept,
        ..EventMask::DEFAULT
    };
    let (events, mut sending) = EventSender::channel(16, mask);
    let (reached, told) = oneshot::channel();
    tokio::spawn(async move {
        let (mut sent, mut reached, mut kept) = (0, Some(reached), Vec::new());
        while let Some(message) = sending.recv().await {
            let ProviderMessage::Throttle(piece) = message else {
                continue;
            };
            sent += piece.inner.size;
            if sent > limit {
                // Neither granted nor refused.
                kept.push(piece.tx);
                reached.take().map(|r| r.send(()));
            } else {
                let _gone = piece.tx.send(Ok(())).await;
            }
        }
    });
    (events, told)
}

/// A machine with blobs in memory, which it serves to whom it asks to keep them.
pub(crate) struct Guest {
    pub(crate) endpoint: Endpoint,
    store: MemStore,
    _kept: Vec<TempTag>,
}

impl Guest {
    pub(crate) async fn with(blobs: &[&[u8]]) -> Self {
        let store = MemStore::new();
        let mut kept = Vec::new();
        for blob in blobs {
            kept.push(store.add_slice(blob).temp_tag().await.unwrap());
        }
        Self {
            endpoint: endpoint().await,
            store,
            _kept: kept,
        }
    }

    /// One that was added to the machine `b`.
    pub(crate) async fn added(scene: &Scene, blobs: &[&[u8]], more: &[&str]) -> Self {
        let guest = Self::with(blobs).await;
        let id = guest.id();
        let add = [&["add", id.as_str()], more].concat();
        assert_eq!(scene.replicas("b", &add).0, 0);
        guest
    }

    pub(crate) fn id(&self) -> String {
        self.endpoint.id().to_string()
    }

    pub(crate) async fn connect(&self, serving: &Publisher) -> Connection {
        let peer = serving.peer.as_ref().unwrap();
        let (id, at) = peer.split_once('@').unwrap();
        let at = EndpointAddr::new(id.parse().unwrap()).with_ip_addr(at.parse().unwrap());
        self.endpoint.connect(at, REPLICAS).await.unwrap()
    }

    /// Asks a machine to hold a blob and serves it on the same connection; the answer, or why there is none.
    pub(crate) async fn ask(
        &self,
        connection: &Connection,
        events: EventSender,
        request: &[u8],
    ) -> Result<String, String> {
        let served = connection.clone();
        let store = (*self.store).clone();
        tokio::spawn(iroh_blobs::provider::handle_connection(
            served, store, events,
        ));
        let (mut send, mut recv) = connection.open_bi().await.map_err(|e| e.to_string())?;
        let sent = send.write_all(request).await;
        sent.map_err(|e| e.to_string())?;
        let _finished = send.finish();
        let answer = recv.read_to_end(4096).await;
        let answer = answer.map_err(|e| e.to_string())?;
        Ok(String::from_utf8(answer).unwrap())
    }
}
