//! The state machine: which keys a node has had, has, and may have next.

use std::collections::BTreeSet;

use quorate_note::ed25519::{PublicKey, SecretKey};
use quorate_receipt::{PublicKeyText, Receipt, ScrollName, Timestamp};

use crate::draft::{Draft, RotationPlan, check_signatures};
use crate::error::Invalid;
use crate::event::{Change, Event, EventHash, Fingerprint, Reason};
use crate::fork::{Fork, NotAFork};
use crate::heads::Heads;
use crate::key::SigningKey;
use crate::next_key::Commitment;
use crate::role::{Role, RoleKeys};

/// Keys of one role that may be in force at once: the new one and the one it replaces.
const MAX_IN_FORCE: usize = 2;

/// How and where a key's life ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The sequence number of the event that ended it.
    pub seq: u64,
    /// When, by the node's clock.
    pub at: Timestamp,
    /// Why.
    pub reason: Reason,
    /// Every scroll's head at that moment.
    pub heads: Heads,
}

/// A key's life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRecord {
    /// What the key is for.
    pub role: Role,
    /// The keys.
    pub keys: RoleKeys,
    /// The sequence number of the event that brought it into force.
    pub since: u64,
    /// When, by the node's clock.
    pub at: Timestamp,
    /// Every scroll's head at that moment.
    pub heads: Heads,
    /// How it ended; none while it is in force.
    pub ended: Option<Ended>,
}

/// A place in history that a signature stands at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position<'a> {
    /// The entry with this index of a scroll.
    Entry(&'a ScrollName, u64),
    /// The checkpoint of a scroll at this size.
    Checkpoint(&'a ScrollName, u64),
    /// Something that is not in a log: only keys in force count.
    Now,
}

impl KeyRecord {
    /// The signature of a key counts from the heads recorded when it came into force up to the heads recorded
    /// when it ended. A retired key that was stolen can still sign within that span: compare what it signed
    /// with the recorded heads, which commit to everything before them.
    fn valid_at(&self, at: Position<'_>) -> bool {
        let until = self.ended.as_ref().map(|ended| &ended.heads);
        match at {
            Position::Now => until.is_none(),
            Position::Entry(scroll, index) => {
                index >= self.heads.size(scroll)
                    && until.is_none_or(|heads| index < heads.size(scroll))
            }
            Position::Checkpoint(scroll, size) => {
                size >= self.heads.size(scroll)
                    && until.is_none_or(|heads| size <= heads.size(scroll))
            }
        }
    }
}

/// A checked key history. Every value of this type is the result of valid events only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lineage {
    node: Fingerprint,
    events: Vec<(EventHash, Receipt)>,
    last: EventHash,
    identity: PublicKeyText,
    commitment: Commitment,
    heads: Heads,
    records: Vec<KeyRecord>,
    /// Every key that ever appeared, raw: none of them may appear again, in whatever role.
    appeared: BTreeSet<Vec<u8>>,
}

impl Lineage {
    /// Drafts the beginning of a lineage. The identity key signs it.
    #[must_use]
    pub fn incept(identity: PublicKeyText, next: Commitment, now: Timestamp) -> Draft {
        Draft::new(Event {
            node: Fingerprint::of(identity),
            seq: 0,
            prev: None,
            timestamp: now,
            change: Change::Inception { next },
        })
    }

    /// Begins a lineage with its first receipt.
    ///
    /// # Errors
    /// [`Invalid`] if the receipt is not a valid inception.
    pub fn inception(receipt: &Receipt) -> Result<Self, Invalid> {
        let event = Event::from_object(receipt.object())?;
        let Change::Inception { next } = event.change else {
            return Err(Invalid::Beginning);
        };
        if event.seq != 0 || event.prev.is_some() {
            return Err(Invalid::Beginning);
        }
        let identity = *event.node.key();
        usable(&identity)?;
        check_signatures(&event, receipt.object())?;
        let last = event.hash();
        Ok(Self {
            node: event.node,
            events: vec![(last, receipt.clone())],
            last,
            identity,
            commitment: next,
            heads: Heads::new(),
            records: vec![KeyRecord {
                role: Role::Identity,
                keys: RoleKeys {
                    ed25519: identity,
                    ml_dsa_44: None,
                },
                since: 0,
                at: event.timestamp,
                heads: Heads::new(),
                ended: None,
            }],
            appeared: BTreeSet::from([identity.as_bytes().to_vec()]),
        })
    }

    /// Replays a whole lineage from its receipts, the inception first.
    ///
    /// # Errors
    /// [`Invalid`] for the first receipt that does not fit.
    pub fn replay<'a>(receipts: impl IntoIterator<Item = &'a Receipt>) -> Result<Self, Invalid> {
        let mut receipts = receipts.into_iter();
        let mut lineage = Self::inception(receipts.next().ok_or(Invalid::Beginning)?)?;
        for receipt in receipts {
            let event = lineage.check(receipt)?;
            lineage.advance(event, receipt);
        }
        Ok(lineage)
    }

    /// The lineage after one more event.
    ///
    /// # Errors
    /// [`Invalid`] if the receipt does not continue this lineage; [`Invalid::Fork`] carries evidence.
    pub fn apply(&self, receipt: &Receipt) -> Result<Self, Invalid> {
        let event = self.check(receipt)?;
        let mut after = self.clone();
        after.advance(event, receipt);
        Ok(after)
    }

    fn check(&self, receipt: &Receipt) -> Result<Event, Invalid> {
        let event = Event::from_object(receipt.object())?;
        if event.node != self.node {
            return Err(Invalid::OtherNode {
                ours: self.node,
                theirs: event.node,
            });
        }
        let expected = self.next_seq();
        if event.seq > expected {
            return Err(Invalid::Gap {
                expected,
                found: event.seq,
            });
        }
        if event.seq < expected {
            return Err(self.judge_past(&event, receipt));
        }
        self.admissible(&event)?;
        check_signatures(&event, receipt.object())?;
        Ok(event)
    }

    /// An event with a sequence number that is taken: a repetition, a fork, or nothing of worth.
    fn judge_past(&self, event: &Event, receipt: &Receipt) -> Invalid {
        let index = usize::try_from(event.seq).unwrap_or(usize::MAX);
        let Some((hash, ours)) = self.events.get(index) else {
            return Invalid::Beginning;
        };
        // Signatures first: replaying the prefix is work that not everybody may cause.
        if let Err(error) = check_signatures(event, receipt.object()) {
            return error;
        }
        if *hash == event.hash() {
            return Invalid::AlreadyApplied { seq: event.seq };
        }
        let prefix: Vec<Receipt> = self.events[..index]
            .iter()
            .map(|(_, receipt)| receipt.clone())
            .collect();
        match Fork::check(&prefix, ours, receipt) {
            Ok(fork) => Invalid::Fork(Box::new(fork)),
            Err(NotAFork::Invalid(error)) => error,
            Err(NotAFork::Same) => Invalid::AlreadyApplied { seq: event.seq },
            Err(NotAFork::TwoNodes) => Invalid::OtherNode {
                ours: self.node,
                theirs: event.node,
            },
        }
    }

    /// Everything about the next event but its signatures.
    fn admissible(&self, event: &Event) -> Result<(), Invalid> {
        if event.prev != Some(self.last) {
            return Err(Invalid::Prev {
                expected: self.last,
                found: event.prev,
            });
        }
        match &event.change {
            Change::Inception { .. } => Err(Invalid::Beginning),
            Change::Rotation {
                outgoing,
                revealed,
                salt,
                next,
                heads,
                ..
            } => {
                self.current(outgoing)?;
                if Commitment::to(revealed, salt) != self.commitment {
                    return Err(Invalid::NotCommitted(*revealed));
                }
                if *next == self.commitment {
                    return Err(Invalid::CommitmentRepeated);
                }
                self.fresh(revealed)?;
                Ok(heads.check_after(&self.heads)?)
            }
            Change::RoleCertified {
                by,
                role,
                keys,
                replaces,
                heads,
            } => {
                self.current(by)?;
                if *role == Role::Identity {
                    return Err(Invalid::IdentityRole);
                }
                if keys.ml_dsa_44.is_some() != role.has_ml_dsa() {
                    return Err(Invalid::WrongKinds(*role));
                }
                self.fresh(&keys.ed25519)?;
                if let Some(key) = &keys.ml_dsa_44
                    && self.appeared(key.as_bytes())
                {
                    return Err(Invalid::MlDsaKeyReused(keys.ed25519));
                }
                let in_force: Vec<_> = self.in_force(*role).collect();
                if in_force.len() >= MAX_IN_FORCE {
                    return Err(Invalid::Overlap(*role));
                }
                let in_force = in_force.first().map(|record| record.keys.ed25519);
                if *replaces != in_force {
                    return Err(Invalid::Replaces {
                        role: *role,
                        in_force,
                    });
                }
                Ok(heads.check_after(&self.heads)?)
            }
            Change::RoleRetired {
                by,
                role,
                key,
                heads,
                ..
            } => {
                self.current(by)?;
                if *role == Role::Identity {
                    return Err(Invalid::IdentityRole);
                }
                if !self
                    .in_force(*role)
                    .any(|record| record.keys.ed25519 == *key)
                {
                    return Err(Invalid::NotInForce {
                        role: *role,
                        key: *key,
                    });
                }
                Ok(heads.check_after(&self.heads)?)
            }
        }
    }

    fn current(&self, named: &PublicKeyText) -> Result<(), Invalid> {
        if *named == self.identity {
            Ok(())
        } else {
            Err(Invalid::NotCurrent {
                current: self.identity,
                named: *named,
            })
        }
    }

    fn fresh(&self, key: &PublicKeyText) -> Result<(), Invalid> {
        usable(key)?;
        if self.appeared(key.as_bytes()) {
            return Err(Invalid::KeyReused(*key));
        }
        Ok(())
    }

    /// Carries out an event that was found valid.
    fn advance(&mut self, event: Event, receipt: &Receipt) {
        let Event {
            seq,
            timestamp,
            change,
            ..
        } = &event;
        let (seq, at) = (*seq, *timestamp);
        match change {
            Change::Inception { .. } => {}
            Change::Rotation {
                outgoing,
                revealed,
                next,
                reason,
                heads,
                ..
            } => {
                self.end(Role::Identity, outgoing, seq, at, *reason, heads);
                let keys = RoleKeys {
                    ed25519: *revealed,
                    ml_dsa_44: None,
                };
                self.begin(Role::Identity, keys, seq, at, heads);
                self.identity = *revealed;
                self.commitment = *next;
            }
            Change::RoleCertified {
                role, keys, heads, ..
            } => self.begin(*role, keys.clone(), seq, at, heads),
            Change::RoleRetired {
                role,
                key,
                reason,
                heads,
                ..
            } => self.end(*role, key, seq, at, *reason, heads),
        }
        self.last = event.hash();
        self.events.push((self.last, receipt.clone()));
    }

    fn begin(&mut self, role: Role, keys: RoleKeys, since: u64, at: Timestamp, heads: &Heads) {
        self.appeared.extend(keys.raw().map(<[u8]>::to_vec));
        self.records.push(KeyRecord {
            role,
            keys,
            since,
            at,
            heads: heads.clone(),
            ended: None,
        });
        self.heads = heads.clone();
    }

    fn end(
        &mut self,
        role: Role,
        key: &PublicKeyText,
        seq: u64,
        at: Timestamp,
        reason: Reason,
        heads: &Heads,
    ) {
        let record = self.records.iter_mut().find(|record| {
            record.role == role && record.keys.ed25519 == *key && record.ended.is_none()
        });
        if let Some(record) = record {
            record.ended = Some(Ended {
                seq,
                at,
                reason,
                heads: heads.clone(),
            });
        }
        self.heads = heads.clone();
    }

    // What comes next.

    /// Drafts a rotation of the identity key up to the point where the next key is needed.
    #[must_use]
    pub fn plan_rotation(&self, reason: Reason, heads: Heads, now: Timestamp) -> RotationPlan {
        RotationPlan {
            node: self.node,
            seq: self.next_seq(),
            prev: self.last,
            timestamp: now,
            outgoing: self.identity,
            commitment: self.commitment,
            reason,
            heads,
        }
    }

    /// Drafts the certification of keys for a role. They replace the key in force, if there is one, which
    /// stays in force beside them until it is retired. The identity key and the new Ed25519 key sign.
    ///
    /// # Errors
    /// [`Invalid`] if the event would not be valid.
    pub fn certify(
        &self,
        role: Role,
        keys: RoleKeys,
        heads: Heads,
        now: Timestamp,
    ) -> Result<Draft, Invalid> {
        let replaces = self.in_force(role).next().map(|record| record.keys.ed25519);
        self.draft(
            Change::RoleCertified {
                by: self.identity,
                role,
                keys,
                replaces,
                heads,
            },
            now,
        )
    }

    /// Drafts the retirement of a role's keys, named by the Ed25519 key. Stop signing with them before
    /// taking the heads. The identity key signs.
    ///
    /// # Errors
    /// [`Invalid`] if the event would not be valid.
    pub fn retire(
        &self,
        role: Role,
        key: PublicKeyText,
        reason: Reason,
        heads: Heads,
        now: Timestamp,
    ) -> Result<Draft, Invalid> {
        self.draft(
            Change::RoleRetired {
                by: self.identity,
                role,
                key,
                reason,
                heads,
            },
            now,
        )
    }

    fn draft(&self, change: Change, now: Timestamp) -> Result<Draft, Invalid> {
        let event = Event {
            node: self.node,
            seq: self.next_seq(),
            prev: Some(self.last),
            timestamp: now,
            change,
        };
        self.admissible(&event)?;
        Ok(Draft::new(event))
    }

    // What is known.

    /// Whose lineage this is.
    #[must_use]
    pub fn fingerprint(&self) -> &Fingerprint {
        &self.node
    }

    /// The hash of the last event.
    #[must_use]
    pub fn last(&self) -> &EventHash {
        &self.last
    }

    /// The sequence number of the next event: how many there are.
    #[must_use]
    pub fn next_seq(&self) -> u64 {
        self.events.len() as u64
    }

    /// The identity key in force.
    #[must_use]
    pub fn identity_key(&self) -> &PublicKeyText {
        &self.identity
    }

    /// The commitment to the identity key after it.
    #[must_use]
    pub fn commitment(&self) -> &Commitment {
        &self.commitment
    }

    /// The scrolls' heads as the last event that recorded any left them.
    #[must_use]
    pub fn heads(&self) -> &Heads {
        &self.heads
    }

    /// The receipts, the inception first.
    pub fn receipts(&self) -> impl ExactSizeIterator<Item = &Receipt> {
        self.events.iter().map(|(_, receipt)| receipt)
    }

    /// Every key's life, in the order of their beginnings.
    #[must_use]
    pub fn records(&self) -> &[KeyRecord] {
        &self.records
    }

    /// The keys of a role that are in force, the oldest first; at most two.
    pub fn in_force(&self, role: Role) -> impl Iterator<Item = &KeyRecord> {
        self.records
            .iter()
            .filter(move |record| record.role == role && record.ended.is_none())
    }

    /// Whether the raw public key (32 bytes Ed25519, 1,312 bytes ML-DSA-44) ever appeared in this lineage.
    /// Keys are not shared between lineages either: a registry of lineages asks each of them.
    #[must_use]
    pub fn appeared(&self, raw_key: &[u8]) -> bool {
        self.appeared.contains(raw_key)
    }

    /// Whether a signature by the raw public key in this role counts at this position. Of the bytes before a
    /// retired key's end, the heads recorded there say which history they belong to.
    #[must_use]
    pub fn key_valid_at(&self, role: Role, raw_key: &[u8], at: Position<'_>) -> bool {
        self.records.iter().any(|record| {
            record.role == role
                && record.keys.raw().any(|raw| raw == raw_key)
                && record.valid_at(at)
        })
    }

    /// The key to sign with in this role.
    ///
    /// # Errors
    /// [`Invalid::NotInForce`] if the lineage does not have the public half of `secret` in force in this role:
    /// it was retired or never certified.
    pub fn signing_key(&self, role: Role, secret: SecretKey) -> Result<SigningKey, Invalid> {
        let key = PublicKeyText::from_bytes(*secret.public().as_bytes());
        if self.in_force(role).any(|record| record.keys.ed25519 == key) {
            Ok(SigningKey::new(role, secret))
        } else {
            Err(Invalid::NotInForce { role, key })
        }
    }
}

/// Refuses keys that the one acceptance rule refuses: no point, or one of small order.
fn usable(key: &PublicKeyText) -> Result<(), Invalid> {
    PublicKey::from_bytes(key.as_bytes())
        .map(|_| ())
        .map_err(|_| Invalid::UnusableKey(*key))
}
