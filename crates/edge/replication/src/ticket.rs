//! Where bytes can be had: an endpoint's key, its addresses, the bytes' hash.

use std::collections::BTreeSet;
use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use iroh::{EndpointAddr, EndpointId};
use iroh_blobs::BlobFormat;
use iroh_blobs::ticket::BlobTicket;

use crate::hash::ContentHash;
use crate::peer::{Endpoint, MAX_ADDRESSES, is_reachable};

/// The longest text that is read as a ticket, in bytes.
const MAX_TEXT: usize = 4096;

/// An iroh-blobs ticket (`blob…`, base 32) for the bytes of one file at direct addresses.
///
/// It is no secret and no permission: who has it can ask that endpoint for that hash, and so can anyone else who knows
/// both. The endpoint proves that it has the key; nothing else about it is promised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket(BlobTicket);

/// Why a text is no [`Ticket`]. The caller's fault, or that of whoever wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TicketError {
    /// No ticket at all, damaged, or in another spelling than the one that a ticket has.
    #[error("it is not an iroh-blobs ticket in its one spelling")]
    Malformed,
    /// A ticket for a collection of files.
    #[error("it is for a collection of files, not for one")]
    Collection,
    /// It names a relay. None is ever used.
    #[error("it names a relay; only direct addresses are used")]
    Relay,
    /// It has no address, more than 32, or one that nothing can listen on.
    #[error("it has no address, too many, or one that nobody can be reached at")]
    Addresses,
    /// It is for no bytes at all.
    #[error("it is for an empty file")]
    Empty,
}

impl Ticket {
    pub(crate) fn new(id: EndpointId, addresses: &BTreeSet<SocketAddr>, hash: ContentHash) -> Self {
        let address = addresses
            .iter()
            .take(MAX_ADDRESSES)
            .fold(EndpointAddr::new(id), |a, at| a.with_ip_addr(*at));
        Self(BlobTicket::new(address, hash.blob(), BlobFormat::Raw))
    }

    /// What it is for.
    #[must_use]
    pub fn hash(&self) -> ContentHash {
        ContentHash::from(*self.0.hash().as_bytes())
    }

    /// Where it says that the endpoint listens.
    pub fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.0.addr().ip_addrs().copied()
    }

    /// The endpoint that it is for.
    #[must_use]
    pub fn endpoint(&self) -> Endpoint {
        Endpoint(self.0.addr().id)
    }

    pub(crate) fn address(&self) -> EndpointAddr {
        self.0.addr().clone()
    }
}

impl FromStr for Ticket {
    type Err = TicketError;

    fn from_str(text: &str) -> Result<Self, TicketError> {
        if text.len() > MAX_TEXT {
            return Err(TicketError::Malformed);
        }
        let ticket: BlobTicket = text.parse().map_err(|_| TicketError::Malformed)?;
        if ticket.to_string() != text {
            return Err(TicketError::Malformed);
        }
        if ticket.format() != BlobFormat::Raw {
            return Err(TicketError::Collection);
        }
        if ticket.addr().relay_urls().next().is_some() {
            return Err(TicketError::Relay);
        }
        let listed = ticket.addr().addrs.len();
        let reached = ticket.addr().ip_addrs().filter(|a| is_reachable(a)).count();
        if listed == 0 || listed > MAX_ADDRESSES || reached != listed {
            return Err(TicketError::Addresses);
        }
        if ticket.hash() == iroh_blobs::Hash::EMPTY {
            return Err(TicketError::Empty);
        }
        Ok(Self(ticket))
    }
}

impl fmt::Display for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use iroh::SecretKey;

    fn ticket(
        format: BlobFormat,
        addresses: &[&str],
        change: fn(EndpointAddr) -> EndpointAddr,
    ) -> String {
        let key = SecretKey::from_bytes(&[7; 32]).public();
        let address = addresses.iter().fold(EndpointAddr::new(key), |a, at| {
            a.with_ip_addr(at.parse().unwrap())
        });
        BlobTicket::new(change(address), iroh_blobs::Hash::new(b"x"), format).to_string()
    }

    #[test]
    fn a_ticket_is_for_one_file_at_direct_addresses_and_has_one_spelling() {
        let good = ticket(BlobFormat::Raw, &["127.0.0.1:4"], |a| a);
        let read: Ticket = good.parse().unwrap();
        assert_eq!(read.to_string(), good);
        assert_eq!(
            read.hash().as_bytes(),
            iroh_blobs::Hash::new(b"x").as_bytes()
        );

        let many: Vec<String> = (1..=33).map(|p| format!("127.0.0.1:{p}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let relay = |a: EndpointAddr| a.with_relay_url("https://relay.example".parse().unwrap());
        let refused = [
            (good.to_uppercase(), TicketError::Malformed),
            (format!("{good} "), TicketError::Malformed),
            (good[..good.len() - 3].to_owned(), TicketError::Malformed),
            (format!("{good}aaaaaaaa"), TicketError::Malformed),
            ("b".repeat(5000), TicketError::Malformed),
            (String::new(), TicketError::Malformed),
            (
                ticket(BlobFormat::HashSeq, &["127.0.0.1:4"], |a| a),
                TicketError::Collection,
            ),
            (
                ticket(BlobFormat::Raw, &["127.0.0.1:4"], relay),
                TicketError::Relay,
            ),
            (ticket(BlobFormat::Raw, &[], |a| a), TicketError::Addresses),
            (
                ticket(BlobFormat::Raw, &["127.0.0.1:0"], |a| a),
                TicketError::Addresses,
            ),
            (
                ticket(BlobFormat::Raw, &["0.0.0.0:4"], |a| a),
                TicketError::Addresses,
            ),
            (
                ticket(BlobFormat::Raw, &many, |a| a),
                TicketError::Addresses,
            ),
        ];
        for (text, why) in refused {
            assert_eq!(text.parse::<Ticket>(), Err(why), "{text}");
        }
    }
}
