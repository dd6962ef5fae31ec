//! Changing the node's keys: one step at a time, carried to its end whoever goes away.
//!
//! Threats: a caller that disconnects half-way (the event would be durable and the node would go on with the
//! keys before it), and a checkpoint signed with a key that is being retired (it would lie above the heads
//! that end the key, where its signature counts for nothing).

use std::sync::{Arc, PoisonError};

use axum::http::StatusCode;
use quorate_lineage::{Heads, Reason, Role};
use serde_json::{Value, json};

use crate::api::ApiError;
use crate::clock;
use crate::identity::{IdentityError, Step};
use crate::node::{Inner, Mode, NodeError};
use crate::open::add_reader_head;
use crate::ops::offline;
use crate::prepare;
use crate::scroll::ENGINE_SCROLLS;
use crate::sequencer::Append;
use crate::tasks::watched_thread;

/// What the operator wants changed.
#[derive(Debug, Clone)]
pub(crate) struct Rotation {
    /// `identity` or `log`.
    pub(crate) role: String,
    /// For the identity: the offline key's text, if it lives outside the machine.
    pub(crate) next_key: Option<String>,
    /// The outgoing key is lost or in other hands.
    pub(crate) compromised: bool,
    /// Ends the log keys that were replaced, instead of replacing them.
    pub(crate) retire: bool,
}

impl Inner {
    /// Rotates the keys of a role. A log key: new keys beside the old ones; `retire` ends the old ones.
    ///
    /// The work goes on when the caller stops waiting.
    pub(crate) async fn rotate(self: Arc<Self>, rotation: Rotation) -> Result<Value, ApiError> {
        if self.mode != Mode::Online {
            return Err(offline());
        }
        // A blocking task is not cancelled with the request that asked for it.
        let change = tokio::task::spawn_blocking(move || {
            let mut done = Err(ApiError::stopped());
            // Half a change must not be gone on from.
            watched_thread(&Arc::downgrade(&self), "a change of keys", || {
                done = self.rotate_now(&rotation);
            });
            done
        });
        change.await.map_err(|_| ApiError::stopped())?
    }

    fn rotate_now(&self, rotation: &Rotation) -> Result<Value, ApiError> {
        let role: Role = rotation.role.parse().map_err(|e| {
            ApiError::bad_request(
                "unknown-role",
                format!("{:?}: {e}", rotation.role),
                "use identity or log",
            )
        })?;
        let reason = if rotation.compromised {
            Reason::Compromise
        } else {
            Reason::Scheduled
        };
        let _one_at_a_time = self.changes.blocking_lock();
        // From here until the change is in force no head is signed: the heads below are the last ones that
        // the outgoing keys stand for.
        let _no_signing = self.signing.write().unwrap_or_else(PoisonError::into_inner);
        let heads = self
            .heads()
            .map_err(|e| ApiError::internal(e.to_string()))?;
        let now = clock::now();
        let next_key = rotation.next_key.as_deref();
        let step = match (role, rotation.retire) {
            (Role::Identity, false) => self.identity.rotate(next_key, reason, heads, now),
            (Role::Identity, true) => Err(IdentityError::Role(
                "rotating the identity ends the key before it at once; leave 'retire' out",
            )),
            (Role::Log, _) if next_key.is_some() => Err(IdentityError::Role(
                "only the identity key has a next key; log keys are made here",
            )),
            (Role::Log, false) if rotation.compromised => Err(IdentityError::Role(
                "rotate the log keys first, then retire the compromised ones",
            )),
            (Role::Log, false) => self.identity.certify(Role::Log, heads, now),
            (Role::Log, true) => self.identity.retire(Role::Log, reason, heads, now),
            _ => Err(IdentityError::Role(
                "this node has no keys of that role yet",
            )),
        }
        .map_err(|e| key_error(&e))?;
        let done = self.carry_out(step);
        self.keys_changed.send_modify(|n| *n += 1);
        done
    }

    /// Appends a key event to the Identity scroll, then takes it over.
    fn carry_out(&self, step: Step) -> Result<Value, ApiError> {
        let identity = self.scroll(ENGINE_SCROLLS[0])?;
        let entry =
            prepare::entry_of(step.receipt().clone()).map_err(|e| crate::api::refused(&e))?;
        let root_hash = step.receipt().root_hash().to_string();
        let type_ = step.receipt().type_().to_owned();
        let appended = self
            .runtime
            .block_on(identity.append(Append::one(entry)))
            .inspect_err(|e| {
                // Whether the event is in the log is not known, so neither is which keys are in force.
                if e.status() == StatusCode::SERVICE_UNAVAILABLE {
                    self.fail(format!("a key event ({type_}) was not acknowledged"));
                }
            })?;
        self.identity.commit(step).map_err(|e| {
            ApiError::internal(format!(
                "the event is durable and in force, but an ended seed could not be removed: {e}"
            ))
        })?;
        Ok(
            json!({"event": type_, "index": appended.first_index, "root_hash": root_hash, "watermark": "durable"}),
        )
    }

    /// Every scroll's head now.
    fn heads(&self) -> Result<Heads, NodeError> {
        let mut heads = Heads::new();
        for scroll in self.scrolls() {
            add_reader_head(&mut heads, scroll.spec(), scroll.reader())?;
        }
        Ok(heads)
    }

    /// The next identity key's text, or with its commitment its removal from the machine. May block.
    pub(crate) fn next_key_offline(&self, commitment: Option<&str>) -> Result<Value, ApiError> {
        let _one_at_a_time = self.changes.blocking_lock();
        match commitment {
            None => {
                let text = self.identity.next_key_text().map_err(|e| key_error(&e))?;
                Ok(json!({"next_key": text}))
            }
            Some(commitment) => {
                self.identity
                    .forget_next(commitment)
                    .map_err(|e| key_error(&e))?;
                Ok(json!({"next_key": "offline"}))
            }
        }
    }
}

pub(crate) fn key_error(error: &IdentityError) -> ApiError {
    match error {
        IdentityError::Key(_) | IdentityError::Missing { .. } => {
            ApiError::internal(error.to_string())
        }
        _ => ApiError::new(
            StatusCode::CONFLICT,
            "key-change-refused",
            format!("{error}; nothing was changed"),
            "see 'quorate key show'",
        ),
    }
}
