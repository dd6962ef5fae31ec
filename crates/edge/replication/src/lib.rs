//! Exact bytes under their BLAKE3 hash, moved between machines that know each other's address.
//!
//! [`Holder`] keeps files on disk and serves them; [`fetch()`] gets one, verified while it arrives. That says that the
//! bytes are those of the hash, and nothing of what they claim: whoever fetches a bundle verifies it afterwards. Holders
//! that were added to each other keep copies for each other; [`Order::Audit`] has them prove it, and [`Order::Repair`]
//! mends what is damaged or missing.
//!
//! The transport is QUIC between endpoints named by their public keys (iroh), the stream is BLAKE3's tree encoding
//! (bao, iroh-blobs). No relay, no discovery, no DNS and no port mapper is asked: a [`Ticket`] carries the addresses.

#![forbid(unsafe_code)]

mod audit;
mod busy;
mod check;
mod control;
mod copy;
mod error;
mod fault;
mod fetch;
mod hash;
mod holder;
mod index;
mod network;
mod peer;
mod place;
mod probe;
mod protocol;
mod serve;
mod text;
mod ticket;
mod transfer;

pub use audit::{Audit, Audited, Copy, State};
pub use check::Checked;
pub use control::{Done, Listed, Order, Status, order};
pub use error::{Cause, Error, Kind};
pub use fetch::{Fetched, fetch};
pub use hash::{ContentHash, HashError};
pub use holder::Holder;
pub use peer::{Endpoint, Known, Peer, PeerError};
pub use protocol::Refusal;
pub use ticket::{Ticket, TicketError};
