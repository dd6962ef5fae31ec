//! What a running node does besides appending: scrolls, keys, upkeep, the end.

use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, Weak};
use std::time::Duration;

use axum::http::StatusCode;
use quorate_note::LogKey;
use quorate_policy::{Policy, PolicyBuilder, PolicyErrorKind};
use quorate_store::{Kind, Urgency, Visibility};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::api::ApiError;
use crate::auth::{Credentials, TokenError};
use crate::backup::BackupError;
use crate::feed;
use crate::identity::Identity;
use crate::node::{Inner, Mode, NodeError};
use crate::scroll::{ENGINE_SCROLLS, Scroll, text_of_micros};
use crate::state::State;
use crate::tasks::watched_thread;

/// Scrolls of a node, its own included: a key event records the head of each, and must fit into a receipt.
pub(crate) const MAX_SCROLLS: usize = quorate_lineage::MAX_HEADS;
/// How often upkeep looks for something to do. The keys of what is appended between two looks wait in memory:
/// at 500,000 receipts a second some 60 bytes each, 15 MB a look.
const UPKEEP: Duration = Duration::from_millis(500);
/// A scroll that was quiet this many looks, 30 s, gets its snapshot.
const QUIET_LOOKS: u32 = 60;

impl Inner {
    /// The scroll of this name.
    pub(crate) fn scroll(&self, name: &str) -> Result<Arc<Scroll>, ApiError> {
        let scrolls = self.scrolls.read().unwrap_or_else(PoisonError::into_inner);
        scrolls
            .get(name)
            .cloned()
            .ok_or_else(|| ApiError::no_such_scroll(name))
    }

    /// All scrolls by name.
    pub(crate) fn scrolls(&self) -> Vec<Arc<Scroll>> {
        self.scrolls
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .values()
            .cloned()
            .collect()
    }

    pub(crate) fn state(&self) -> &State {
        &self.state
    }

    pub(crate) fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    pub(crate) fn identity(&self) -> &Identity {
        &self.identity
    }

    /// What the API says of a scroll.
    pub(crate) fn info(&self, scroll: &Scroll) -> Value {
        let vkeys: Vec<String> = self
            .log_keys(&scroll.spec().origin, true)
            .iter()
            .filter_map(|k| k.verifier_key().map(ToString::to_string))
            .collect();
        scroll.info(&vkeys)
    }

    /// One scroll's policy for others to use: its log keys, and the quorum of the node's policy if it has one.
    pub(crate) fn policy_text(&self, scroll: &Scroll) -> Result<String, ApiError> {
        // Names are octets; those of a policy that came from a file need not be text.
        String::from_utf8(self.policy_of(scroll)?.render()).map_err(|e| no_policy(&e))
    }

    /// What others should ask of the scroll's heads.
    pub(crate) fn policy_of(&self, scroll: &Scroll) -> Result<Policy, ApiError> {
        let keys = self.log_keys(&scroll.spec().origin, true);
        let policy = match &self.quorum {
            Some((quorum, _)) => quorum.for_log(keys),
            None => without_witnesses(keys),
        };
        policy.map_err(|e| no_policy(&e))
    }

    pub(crate) fn node_info(&self) -> Value {
        let names: Vec<String> = self
            .scrolls()
            .iter()
            .map(|s| s.spec().name.clone())
            .collect();
        json!({
            "node": self.identity.fingerprint().to_string(),
            "version": env!("CARGO_PKG_VERSION"),
            "witnessing": match &self.quorum {
                Some((quorum, _)) => format!("quorum {}", quorum.summary()),
                None => "unwitnessed".to_owned(),
            },
            "next_key": if self.identity.next_key_is_here() { "on this machine" } else { "offline" },
            "scrolls": names,
            "started_at": text_of_micros(self.started_at),
            "restored_from": self.restored.as_ref().map(|m| m.taken_at.clone()),
            "data_dir": self.config.data_dir.display().to_string(),
            "witness": self.witness().map(|w| w.info()),
        })
    }

    /// Makes a scroll and starts it. Names that differ only in case are refused.
    pub(crate) fn create_scroll(
        self: &Arc<Self>,
        name: &str,
        kind: Kind,
        visibility: Visibility,
    ) -> Result<Arc<Scroll>, ApiError> {
        let taken = |n: &&str| n.eq_ignore_ascii_case(name);
        match ENGINE_SCROLLS.iter().find(|n| taken(n)) {
            Some(engine) if self.scroll(engine).is_err() => Err(ApiError::new(
                StatusCode::CONFLICT,
                "reserved-name",
                format!("the scroll {engine:?} is made by the node itself when it is first needed"),
                "choose another name",
            )),
            _ => self.create_engine_scroll(name, kind, visibility),
        }
    }

    /// As [`create_scroll`](Self::create_scroll), also for a scroll that only an engine writes.
    pub(crate) fn create_engine_scroll(
        self: &Arc<Self>,
        name: &str,
        kind: Kind,
        visibility: Visibility,
    ) -> Result<Arc<Scroll>, ApiError> {
        if self.mode != Mode::Online {
            return Err(offline());
        }
        let _one_at_a_time = self.changes.blocking_lock();
        let taken = |n: &str| n.eq_ignore_ascii_case(name);
        if self.scrolls().iter().any(|s| taken(&s.spec().name)) {
            return Err(ApiError::new(
                StatusCode::CONFLICT,
                "scroll-exists",
                format!(
                    "there is a scroll {name:?} already (names that differ only in case are the same)"
                ),
                "choose another name",
            ));
        }
        let count = self.scrolls().len();
        if count >= MAX_SCROLLS {
            return Err(ApiError::new(
                StatusCode::CONFLICT,
                "too-many-scrolls",
                format!(
                    "this node has {count} scrolls, its own included, and may have {MAX_SCROLLS}: with more, the event that changes a key could not record the head of each; nothing was made"
                ),
                "share a scroll among writers and tell receipts apart by type or tags, or start a second node",
            ));
        }
        self.make_scroll_files(name, kind, visibility)
            .map_err(|e| match e {
                NodeError::Create { .. } => ApiError::bad_request(
                    "scroll-name",
                    e.to_string(),
                    "a name is a letter followed by at most 63 letters, digits, '-' or '_'",
                ),
                other => ApiError::internal(other.to_string()),
            })?;
        let opened = self
            .open_store(name)
            .map_err(|e| ApiError::internal(e.to_string()))?;
        self.start_scroll(opened)
            .map_err(|e| ApiError::internal(e.to_string()))
    }

    /// Whether `host` (with or without port) is a name of this node.
    pub(crate) fn is_our_host(&self, host: &str) -> bool {
        let listening = *self
            .listening
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let Some(address) = listening.or(self.config.listen) else {
            return false;
        };
        let (name, port) = split_host(host);
        if self
            .config
            .hosts
            .iter()
            .any(|h| h.eq_ignore_ascii_case(host) || h.eq_ignore_ascii_case(name))
        {
            return true;
        }
        let port_fits = port.is_none_or(|p| p == address.port().to_string());
        let loopback = address.ip().is_loopback() || address.ip().is_unspecified();
        let local = loopback
            && ["localhost", "127.0.0.1", "[::1]"]
                .iter()
                .any(|n| n.eq_ignore_ascii_case(name));
        let own = name == address.ip().to_string() || name == format!("[{}]", address.ip());
        port_fits && (local || own)
    }

    pub(crate) fn set_listening(&self, address: SocketAddr) {
        *self
            .listening
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(address);
    }

    pub(crate) fn login_link(&self) -> Result<String, TokenError> {
        let address = self
            .listening
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .or(self.config.listen)
            .map_or_else(|| "-".to_owned(), |address| address.to_string());
        Ok(format!(
            "http://{address}/login?code={}",
            self.credentials.new_login()?
        ))
    }

    /// Ends the node: a promise can no longer be kept. The first reason counts.
    pub(crate) fn fail(&self, reason: String) {
        tracing::error!(reason, "the node stops");
        self.failure.send_if_modified(|f| {
            let first = f.is_none();
            if first {
                *f = Some(reason);
            }
            first
        });
    }

    pub(crate) fn failures(&self) -> watch::Receiver<Option<String>> {
        self.failure.subscribe()
    }

    pub(crate) fn failure(&self) -> Option<String> {
        self.failure.borrow().clone()
    }

    /// Writes look-ups out and snapshots while appends go on.
    pub(crate) fn start_upkeep(self: &Arc<Self>) -> Result<(), NodeError> {
        if self.mode == Mode::Offline {
            return Ok(());
        }
        let node = Arc::downgrade(self);
        let closing = self.closing.subscribe();
        let thread = std::thread::Builder::new()
            .name("upkeep".to_owned())
            .spawn(move || watched_thread(&node, "upkeep", || upkeep(&node, &closing)))
            .map_err(|source| NodeError::Io {
                what: "start a thread for",
                path: self.config.data_dir.clone(),
                source,
            })?;
        self.threads
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(thread);
        Ok(())
    }

    /// Starts following the configured files.
    pub(crate) fn start_followers(self: &Arc<Self>) -> Result<(), ApiError> {
        for spec in &self.config.follow {
            let scroll = self.scroll(&spec.scroll)?;
            if scroll.is_engine() {
                return Err(ApiError::forbidden(format!(
                    "{:?} is written by the node itself",
                    spec.scroll
                )));
            }
            let stop = self.closing.subscribe();
            let file = std::path::absolute(&spec.file).unwrap_or_else(|_| spec.file.clone());
            if !file.exists() {
                tracing::warn!(file = %file.display(), scroll = spec.scroll, "the followed file does not exist yet; waiting for it");
            }
            let what = format!("following {}", file.display());
            self.start_task(what, feed::run(scroll, file, spec.raw, stop));
        }
        Ok(())
    }

    /// Ends in order: sequencers finish what they took, snapshots are left behind, the lock is given back.
    pub(crate) fn close(&self) {
        self.closing.send_replace(true);
        if let Some(witness) = self.witness() {
            witness.stop();
        }
        for scroll in self.scrolls() {
            if let Some(sequencer) = &scroll.sequencer {
                sequencer.stop();
            }
        }
        let threads =
            std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            thread.thread().unpark();
            if thread.join().is_err() {
                tracing::error!("a thread of the node ended badly");
            }
        }
        // Checkpointers end with their sequencer, followers with `closing`.
        let tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        for task in tasks {
            let _cancelled_or_done = self.runtime.block_on(task);
        }
        *self.data_dir.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Every event of the key history, oldest first.
    pub(crate) fn identity_history(&self) -> Value {
        let events: Vec<Value> = self
            .identity
            .lineage()
            .iter()
            .flat_map(|l| {
                l.receipts()
                    .map(|r| serde_json::from_slice(r.bytes()).unwrap_or(Value::Null))
                    .collect::<Vec<_>>()
            })
            .collect();
        json!({"node": self.identity.fingerprint().to_string(), "events": events})
    }
}

impl Inner {
    /// Copies the node into an empty directory while it runs.
    pub(crate) fn backup(&self, to: &std::path::Path) -> Result<Value, ApiError> {
        // Keys and key history are copied as they belong together.
        let _no_change = self.changes.blocking_lock();
        let manifest = crate::backup::backup(self, to).map_err(|e| {
            if let BackupError::NotEmpty(_) = e {
                return ApiError::new(
                    StatusCode::CONFLICT,
                    "not-empty",
                    format!("{e}; nothing was written, what is there was not touched"),
                    "name an empty or new directory",
                );
            }
            ApiError::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "backup-failed",
                format!("the backup is not complete and cannot be restored: {e}"),
                "name an empty or new directory with enough room, and run it again",
            )
        })?;
        serde_json::to_value(manifest).map_err(|e| ApiError::internal(e.to_string()))
    }
}

/// Looks at every scroll until the node closes.
fn upkeep(node: &Weak<Inner>, closing: &watch::Receiver<bool>) {
    let mut quiet: std::collections::HashMap<String, (u64, u32)> = std::collections::HashMap::new();
    while !*closing.borrow() {
        std::thread::park_timeout(UPKEEP);
        let Some(node) = node.upgrade() else { return };
        for scroll in node.scrolls() {
            let size = scroll.reader().size();
            let seen = quiet.entry(scroll.spec().name.clone()).or_insert((size, 0));
            *seen = if seen.0 == size {
                (size, seen.1.saturating_add(1))
            } else {
                (size, 0)
            };
            let urgency = if seen.1 == QUIET_LOOKS {
                Urgency::IfAnything
            } else {
                Urgency::WhenDue
            };
            match scroll.reader().maintain(urgency) {
                Ok(done) if !done.damaged.is_empty() => {
                    tracing::error!(scroll = scroll.spec().name, damaged = ?done.damaged, "look-ups are damaged; run 'quorate log fsck --repair'");
                }
                Ok(_) => {}
                Err(error) => tracing::warn!(scroll = scroll.spec().name, %error, "upkeep failed"),
            }
        }
    }
}

/// A policy that asks for the log's signature and for no witness.
fn no_policy(error: &dyn std::fmt::Display) -> ApiError {
    ApiError::internal(format!("the policy cannot be written: {error}"))
}

fn without_witnesses(keys: Vec<LogKey>) -> Result<Policy, PolicyErrorKind> {
    let mut builder = PolicyBuilder::new();
    for key in keys {
        builder.log(key, None)?;
    }
    builder.quorum_none()?;
    builder.build()
}

pub(crate) fn offline() -> ApiError {
    ApiError::new(
        StatusCode::CONFLICT,
        "offline",
        "no node is running on this data directory, so nothing can be changed",
        "start it with 'quorate up'",
    )
}

/// A host header's name and port; the brackets of an IPv6 address belong to the name.
fn split_host(host: &str) -> (&str, Option<&str>) {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => {
            (name, Some(port))
        }
        _ => (host, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Network, close, node};

    #[tokio::test(flavor = "multi_thread")]
    async fn no_more_scrolls_are_made_than_a_key_event_can_record() {
        let dir = tempfile::tempdir().unwrap();
        let node = node(dir.path()).await;
        let network = Network::new(&node);
        let identity = node.inner.scroll("Identity").unwrap();
        // Names are enough to count: threads and files for hundreds of scrolls would tell no more.
        for n in 2..MAX_SCROLLS {
            let name = format!("S{n}");
            let mut scrolls = node.inner.scrolls.write().unwrap();
            scrolls.insert(name, Arc::clone(&identity));
        }
        let last = network.post("/scrolls", r#"{"name":"Last"}"#).await;
        assert_eq!(last.status, StatusCode::CREATED);
        let refused = network.post("/scrolls", r#"{"name":"More"}"#).await;
        assert_eq!(refused.status, StatusCode::CONFLICT);
        assert_eq!(refused.json()["error"]["code"], "too-many-scrolls");
        assert!(!dir.path().join("receipts/more").exists());
        node.inner
            .scrolls
            .write()
            .unwrap()
            .retain(|name, _| !name.starts_with('S'));
        drop(identity);
        close(node).await;
    }
}
