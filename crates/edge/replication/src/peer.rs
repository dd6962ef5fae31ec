//! One's own machines: who may ask for copies to be kept, and who is asked.

use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use iroh::{EndpointAddr, EndpointId};
use serde::{Deserialize, Serialize};

use crate::text::by_text;

/// The most addresses of one machine.
pub(crate) const MAX_ADDRESSES: usize = 32;
/// The most machines.
pub(crate) const MAX_PEERS: usize = 256;

/// One of your own machines, as `ENDPOINT@ADDRESS:PORT,…`: its endpoint's public key (64 lower-case hexadecimal digits)
/// and where it listens. A machine named by its key alone may ask for copies to be kept, and is never asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Peer {
    id: EndpointId,
    addresses: BTreeSet<SocketAddr>,
}

/// Why a text is no [`Peer`]. The caller's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PeerError {
    /// Before the `@` stands no public key.
    #[error(
        "expected ENDPOINT@ADDRESS:PORT, and ENDPOINT is a key of 64 lower-case hexadecimal digits"
    )]
    Endpoint,
    /// After the `@` stands no list of addresses.
    #[error("expected ADDRESS:PORT[,ADDRESS:PORT...] after the '@', each of them once, 32 at most")]
    Addresses,
    /// One of the addresses is not one that anybody can be reached at.
    #[error("nobody can be reached at 0.0.0.0, at [::], at port 0, or at an address of many")]
    Unreachable,
}

/// Whether a machine can listen there, and nobody else answers for it.
pub(crate) fn is_reachable(address: &SocketAddr) -> bool {
    let ip = address.ip();
    let everybody = matches!(ip, IpAddr::V4(ip) if ip.is_broadcast());
    address.port() != 0 && !ip.is_unspecified() && !ip.is_multicast() && !everybody
}

impl Peer {
    pub(crate) fn new(id: EndpointId, addresses: BTreeSet<SocketAddr>) -> Self {
        Self { id, addresses }
    }

    /// The endpoint's public key, 64 hexadecimal digits.
    #[must_use]
    pub fn endpoint(&self) -> Endpoint {
        Endpoint(self.id)
    }

    /// Where it listens; nothing for one that is never asked.
    pub fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.addresses.iter().copied()
    }

    pub(crate) fn id(&self) -> EndpointId {
        self.id
    }

    pub(crate) fn address(&self) -> EndpointAddr {
        let known = EndpointAddr::new(self.id);
        self.addresses().fold(known, EndpointAddr::with_ip_addr)
    }
}

impl FromStr for Peer {
    type Err = PeerError;

    fn from_str(text: &str) -> Result<Self, PeerError> {
        let (id, listed) = match text.split_once('@') {
            Some((id, listed)) => (id, Some(listed)),
            None => (text, None),
        };
        let Endpoint(id) = id.parse()?;
        let mut addresses = BTreeSet::new();
        for address in listed.into_iter().flat_map(|l| l.split(',')) {
            let address: SocketAddr = address.parse().map_err(|_| PeerError::Addresses)?;
            if !is_reachable(&address) {
                return Err(PeerError::Unreachable);
            }
            if !addresses.insert(address) || addresses.len() > MAX_ADDRESSES {
                return Err(PeerError::Addresses);
            }
        }
        Ok(Self { id, addresses })
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.endpoint())?;
        for (n, address) in self.addresses.iter().enumerate() {
            write!(f, "{}{address}", if n == 0 { '@' } else { ',' })?;
        }
        Ok(())
    }
}

by_text!(Peer, PeerError);

/// A machine's name: the public key of its endpoint, 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Endpoint(pub(crate) EndpointId);

impl FromStr for Endpoint {
    type Err = PeerError;

    fn from_str(text: &str) -> Result<Self, PeerError> {
        let mut bytes = [0; 32];
        let decoded = base16ct::lower::decode(text, &mut bytes).map_err(|_| PeerError::Endpoint)?;
        if decoded.len() != 32 {
            return Err(PeerError::Endpoint);
        }
        let id = EndpointId::from_bytes(&bytes).map_err(|_| PeerError::Endpoint)?;
        Ok(Self(id))
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.0.as_bytes();
        bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

by_text!(Endpoint, PeerError);

/// A machine that was added, and how many bytes are kept for it at most.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Known {
    /// Who and where.
    pub peer: Peer,
    /// Bytes; a copy that would make it more is refused before a download.
    pub max_bytes: u64,
}

/// All machines that were added, and how many copies are wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Peers {
    version: u32,
    /// Copies of each file, the one on this machine among them; none: one on every machine that can be asked.
    pub(crate) copies: Option<u32>,
    known: Vec<Known>,
}

impl Default for Peers {
    fn default() -> Self {
        Self {
            version: 1,
            copies: None,
            known: Vec::new(),
        }
    }
}

impl Peers {
    /// A file that this program writes, strictly. None if it is damaged.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        let read: Self = serde_json::from_slice(text).ok()?;
        let names: BTreeSet<_> = read.known.iter().map(|k| k.peer.id).collect();
        let sound = read.version == 1
            && names.len() == read.known.len()
            && names.len() <= MAX_PEERS
            && read.copies != Some(0);
        sound.then_some(read)
    }

    pub(crate) fn known(&self) -> &[Known] {
        &self.known
    }

    pub(crate) fn get(&self, id: EndpointId) -> Option<&Known> {
        self.known.iter().find(|k| k.peer.id == id)
    }

    /// Adds a machine, or replaces what was known of it. False if there are too many.
    pub(crate) fn add(&mut self, new: Known) -> bool {
        self.remove(new.peer.id);
        self.known.push(new);
        self.known.len() <= MAX_PEERS
    }

    /// False if it was not known.
    pub(crate) fn remove(&mut self, id: EndpointId) -> bool {
        let before = self.known.len();
        self.known.retain(|k| k.peer.id != id);
        self.known.len() < before
    }

    /// Those that can be asked.
    pub(crate) fn asked(&self) -> impl Iterator<Item = &Peer> {
        let peers = self.known.iter().map(|k| &k.peer);
        peers.filter(|p| !p.addresses.is_empty())
    }

    /// How many copies are wanted, the one on this machine among them.
    pub(crate) fn wanted(&self) -> u32 {
        let every = u32::try_from(self.asked().count()).unwrap_or(u32::MAX);
        self.copies.unwrap_or(every.saturating_add(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use iroh::SecretKey;

    fn name(seed: u8) -> String {
        Endpoint(SecretKey::from_bytes(&[seed; 32]).public()).to_string()
    }

    #[test]
    fn a_peer_has_one_spelling_but_for_the_order_of_its_addresses() {
        let id = name(7);
        for good in [
            id.clone(),
            format!("{id}@127.0.0.1:4"),
            format!("{id}@10.0.0.1:4,[fd00::1]:5"),
        ] {
            assert_eq!(good.parse::<Peer>().unwrap().to_string(), good);
        }
        let many: Vec<String> = (1..=33).map(|p| format!("127.0.0.1:{p}")).collect();
        let refused = [
            (String::new(), PeerError::Endpoint),
            (id.to_uppercase(), PeerError::Endpoint),
            (id[2..].to_owned(), PeerError::Endpoint),
            // 2 is the y of no point on the curve.
            (format!("02{}", "00".repeat(31)), PeerError::Endpoint),
            (format!("{id}@"), PeerError::Addresses),
            (format!("{id}@localhost:4"), PeerError::Addresses),
            (format!("{id}@127.0.0.1:4,"), PeerError::Addresses),
            (
                format!("{id}@127.0.0.1:4,127.0.0.1:4"),
                PeerError::Addresses,
            ),
            (format!("{id}@127.0.0.1"), PeerError::Addresses),
            (format!("{id}@{}", many.join(",")), PeerError::Addresses),
            (format!("{id}@127.0.0.1:0"), PeerError::Unreachable),
            (format!("{id}@0.0.0.0:4"), PeerError::Unreachable),
            (format!("{id}@224.0.0.1:4"), PeerError::Unreachable),
            (format!("{id}@255.255.255.255:4"), PeerError::Unreachable),
        ];
        for (text, why) in refused {
            assert_eq!(text.parse::<Peer>(), Err(why), "{text}");
        }
    }

    #[test]
    fn a_list_of_peers_that_nobody_could_have_written_is_damaged() {
        let mut peers = Peers::default();
        assert_eq!(peers.wanted(), 1);
        for text in [name(1), format!("{}@127.0.0.1:4", name(2))] {
            let peer = text.parse().unwrap();
            assert!(peers.add(Known { peer, max_bytes: 9 }));
        }
        assert_eq!(peers.wanted(), 2, "one of the two can be asked");
        let text = serde_json::to_string(&peers).unwrap();
        assert_eq!(Peers::parse(text.as_bytes()).unwrap(), peers);
        for (from, to) in [
            ("\"version\":1", "\"version\":2"),
            ("\"copies\":null", "\"copies\":0"),
            ("\"copies\":null", "\"copys\":null"),
            (&name(1), &name(2)),
            ("}]}", "}]} "),
        ] {
            let changed = text.replacen(from, to, 1);
            assert_ne!(changed, text);
            let same = changed.trim_end() == text;
            assert_eq!(
                Peers::parse(changed.as_bytes()).is_some(),
                same,
                "{changed}"
            );
        }
    }
}
