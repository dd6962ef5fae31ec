//! What a node may write into its own scroll.

use quorate_receipt::json::Object;
use quorate_receipt::{Blake3Hash, PublicKeyText, Receipt, ReceiptError, Timestamp};

use crate::error::Invalid;
use crate::record::Record;
use crate::rules::Rules;
use crate::state::{State, Undo};
use crate::subject::Subject;

/// How far a receipt's time may be ahead of the node's, in seconds: clocks differ, and a time that has not come yet
/// would block every later step of the session.
pub const MAX_AHEAD_SECONDS: i64 = 5 * 60;

/// What is to be written. Who may command it is for the node to check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// The operator pins a key for an actor.
    AddActor {
        /// The actor.
        actor: Subject,
        /// Its key.
        key: PublicKeyText,
        /// The first time at which the key counts.
        not_before: Option<Timestamp>,
        /// The last time at which the key counts.
        not_after: Option<Timestamp>,
    },
    /// The operator takes a pinned key back.
    RemoveActor {
        /// The actor.
        actor: Subject,
        /// Its key.
        key: PublicKeyText,
    },
    /// An actor hands in an opening, a step or a closing that it signed.
    Record(Receipt),
}

/// A command that is refused: the fault of whoever gave it, except for [`Refusal::HeadMoved`]. Nothing is changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Nobody's fault: the session has gone on since the receipt was made, or the receipt was taken already. If the
    /// head is another receipt than the caller's own, it may sign for this head and try again.
    #[error("the session {session} goes on with sequence number {next} after {head}")]
    HeadMoved {
        /// The session.
        session: Blake3Hash,
        /// The next sequence number.
        next: u64,
        /// The session's last receipt.
        head: Blake3Hash,
    },
    /// The receipt's time has not come: the caller's clock, or the node's, is wrong.
    #[error("the receipt's time, {timestamp}, is more than {MAX_AHEAD_SECONDS} s after {now}")]
    Ahead {
        /// The receipt's time.
        timestamp: Timestamp,
        /// The node's.
        now: Timestamp,
    },
    /// Only openings, steps and closings are handed in; pins are the operator's.
    #[error("an actor records `session_opened`, `session_step` and `session_closed`, not `{0}`")]
    NotOfASession(Box<str>),
    /// The receipt is wrong, whenever it is handed in; or the key is not pinned, or not now.
    #[error("{0}")]
    Invalid(Invalid),
    /// The command makes no receipt.
    #[error("the command makes no receipt: {0}")]
    Receipt(#[from] ReceiptError),
}

/// The receipts that carry a command out. They are for [`State::apply`] to take, which checks them again.
///
/// # Errors
/// [`Refusal`].
pub fn decide(state: &State, command: Command, now: Timestamp) -> Result<Vec<Receipt>, Refusal> {
    let receipt = match command {
        Command::AddActor {
            actor,
            key,
            not_before,
            not_after,
        } => {
            let mut object = pin(Record::ACTOR_ADDED, &actor, &key, now);
            if let Some(time) = not_before {
                object.insert("not_before", time.to_string());
            }
            if let Some(time) = not_after {
                object.insert("not_after", time.to_string());
            }
            Receipt::from_object(&object, now)?
        }
        Command::RemoveActor { actor, key } => {
            Receipt::from_object(&pin(Record::ACTOR_REMOVED, &actor, &key, now), now)?
        }
        Command::Record(receipt) => {
            check_handed_in(&receipt, now)?;
            receipt
        }
    };
    state
        .check(&receipt)
        .map_err(|invalid| refusal(state, &receipt, invalid))?;
    Ok(vec![receipt])
}

/// [`decide`] for a receipt that an actor hands in, and [`State::apply`], with one check of its signature. A step must also
/// keep today's rules, which no replay asks for.
///
/// # Errors
/// [`Refusal`]: nothing is changed.
pub fn record(
    state: &mut State,
    rules: Option<&Rules>,
    receipt: &Receipt,
    now: Timestamp,
) -> Result<Undo, Refusal> {
    check_handed_in(receipt, now)?;
    state
        .apply_under(receipt, rules)
        .map_err(|invalid| refusal(state, receipt, invalid))
}

fn pin(type_: &str, actor: &Subject, key: &PublicKeyText, now: Timestamp) -> Object {
    Object::new()
        .with("type", type_)
        .with("timestamp", now.to_string())
        .with("actor", actor.as_str())
        .with("key", key.to_string())
}

fn check_handed_in(receipt: &Receipt, now: Timestamp) -> Result<(), Refusal> {
    let type_ = receipt.type_();
    let of_a_session = [
        Record::SESSION_OPENED,
        Record::SESSION_STEP,
        Record::SESSION_CLOSED,
    ];
    if !of_a_session.contains(&type_) {
        return Err(Refusal::NotOfASession(type_.into()));
    }
    let timestamp = receipt.timestamp();
    let latest = now.micros().saturating_add(MAX_AHEAD_SECONDS * 1_000_000);
    if timestamp.micros() > latest {
        return Err(Refusal::Ahead { timestamp, now });
    }
    Ok(())
}

/// Both of these come after the signature was checked, so only the holder of the session's key learns its head.
fn refusal(state: &State, receipt: &Receipt, invalid: Invalid) -> Refusal {
    let session = receipt
        .object()
        .get_str("session")
        .and_then(|id| id.parse().ok())
        .and_then(|id| state.open_session(&id));
    match (&invalid, session) {
        (Invalid::Sequence { .. } | Invalid::Previous { .. }, Some(session)) => {
            Refusal::HeadMoved {
                session: *session.id(),
                next: session.next_sequence(),
                head: session.head(),
            }
        }
        _ => Refusal::Invalid(invalid),
    }
}
