//! Every rule about the structure of a policy, in one place.

use std::collections::{BTreeMap, BTreeSet};

use quorate_note::{LogKey, WitnessKey};

use crate::error::{PolicyErrorKind, Role};
use crate::name::{Name, Url};
use crate::policy::{Dialect, GroupDef, Log, MAX_GROUP_DEPTH, NodeDef, Policy, Threshold, Witness};

/// Which part of a statement an error is about, so that the parser can name its column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Keyword,
    Name,
    Key,
    Threshold,
    Member(usize),
}

pub(crate) type Placed = (Part, PolicyErrorKind);

/// Builds a [`Policy`] statement by statement, under the same rules as a file: order matters, because a
/// name can only be used after its definition. A refused statement leaves the builder as it was.
///
/// Errors are the caller's: [`PolicyErrorKind`] names the rule.
#[derive(Debug, Clone, Default)]
pub struct PolicyBuilder {
    dialect: Option<Dialect>,
    logs: Vec<Log>,
    log_keys: BTreeSet<Vec<u8>>,
    witness_keys: BTreeSet<Vec<u8>>,
    nodes: Vec<NodeDef>,
    /// Nesting of each node: 0 for a witness.
    depths: Vec<usize>,
    names: BTreeMap<Name, usize>,
    /// The group that has a node as its member.
    member_of: BTreeMap<usize, Name>,
    quorum: Option<Option<usize>>,
}

impl PolicyBuilder {
    /// An empty policy, which is not yet one: it lacks its quorum.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a `log` line.
    ///
    /// # Errors
    /// `DuplicateKey` (the same public key, whatever its name, is a log already), `MixedDialects`.
    pub fn log(&mut self, key: LogKey, url: Option<Url>) -> Result<&mut Self, PolicyErrorKind> {
        self.place_log(key, url).map_err(|(_, kind)| kind)?;
        Ok(self)
    }

    /// Adds a `witness` line.
    ///
    /// # Errors
    /// `ReservedName`, `DuplicateName`, `DuplicateKey`, `MixedDialects`.
    pub fn witness(
        &mut self,
        name: Name,
        key: WitnessKey,
        url: Option<Url>,
    ) -> Result<&mut Self, PolicyErrorKind> {
        self.place_witness(name, key, url)
            .map_err(|(_, kind)| kind)?;
        Ok(self)
    }

    /// Adds a `group` line.
    ///
    /// # Errors
    /// `ReservedName`, `DuplicateName`, `EmptyGroup`, `ThresholdZero`, `ThresholdExceedsMembers`,
    /// `UnknownName`, `DuplicateMember`, `TooDeep`.
    pub fn group(
        &mut self,
        name: Name,
        threshold: Threshold,
        members: &[Name],
    ) -> Result<&mut Self, PolicyErrorKind> {
        self.place_group(name, threshold, members)
            .map_err(|(_, kind)| kind)?;
        Ok(self)
    }

    /// Sets the quorum to a witness or group defined before, or to `none`.
    ///
    /// # Errors
    /// `RepeatedQuorum`, `UnknownName`.
    pub fn quorum(&mut self, name: &Name) -> Result<&mut Self, PolicyErrorKind> {
        self.place_quorum(name).map_err(|(_, kind)| kind)?;
        Ok(self)
    }

    /// Sets `quorum none`.
    ///
    /// # Errors
    /// `RepeatedQuorum`.
    pub fn quorum_none(&mut self) -> Result<&mut Self, PolicyErrorKind> {
        if self.quorum.is_some() {
            return Err(PolicyErrorKind::RepeatedQuorum);
        }
        self.quorum = Some(None);
        Ok(self)
    }

    /// The policy.
    ///
    /// # Errors
    /// `MissingQuorum`: "A policy file must include exactly one quorum line."
    pub fn build(self) -> Result<Policy, PolicyErrorKind> {
        let quorum = self.quorum.ok_or(PolicyErrorKind::MissingQuorum)?;
        Ok(Policy {
            dialect: self.dialect.unwrap_or(Dialect::C2sp),
            logs: self.logs,
            nodes: self.nodes,
            quorum,
        })
    }

    pub(crate) fn place_log(&mut self, key: LogKey, url: Option<Url>) -> Result<(), Placed> {
        self.check_dialect(if key.is_raw() {
            Dialect::Sigsum
        } else {
            Dialect::C2sp
        })?;
        // "Two vkeys are considered duplicate if they wrap the same underlying public key, even if they
        // differ by key name and key id." A log that is also a witness is not forbidden.
        if !self.log_keys.insert(key.key_bytes().to_vec()) {
            return Err((Part::Key, PolicyErrorKind::DuplicateKey { role: Role::Log }));
        }
        self.logs.push(Log { key, url });
        Ok(())
    }

    pub(crate) fn place_witness(
        &mut self,
        name: Name,
        key: WitnessKey,
        url: Option<Url>,
    ) -> Result<(), Placed> {
        self.check_new_name(&name)?;
        self.check_dialect(if key.is_raw() {
            Dialect::Sigsum
        } else {
            Dialect::C2sp
        })?;
        if !self.witness_keys.insert(key.key_bytes().to_vec()) {
            return Err((
                Part::Key,
                PolicyErrorKind::DuplicateKey {
                    role: Role::Witness,
                },
            ));
        }
        self.define(
            name.clone(),
            NodeDef::Witness(Witness { name, key, url }),
            0,
        );
        Ok(())
    }

    pub(crate) fn place_group(
        &mut self,
        name: Name,
        threshold: Threshold,
        members: &[Name],
    ) -> Result<(), Placed> {
        self.check_new_name(&name)?;
        let n = members.len();
        if n == 0 {
            return Err((Part::Keyword, PolicyErrorKind::EmptyGroup));
        }
        // "it is required that 1 <= k <= n": with k = 0 the empty set would be a quorum.
        let k = threshold.required(n);
        if k == 0 {
            return Err((Part::Threshold, PolicyErrorKind::ThresholdZero));
        }
        if k > n {
            let k = u64::try_from(k).unwrap_or(u64::MAX);
            return Err((
                Part::Threshold,
                PolicyErrorKind::ThresholdExceedsMembers { k, n },
            ));
        }
        let mut indices: Vec<usize> = Vec::with_capacity(n);
        let mut seen = BTreeSet::new();
        let mut depth = 1;
        for (position, member) in members.iter().enumerate() {
            let at = Part::Member(position);
            if member.is_none() {
                return Err((at, PolicyErrorKind::ReservedName));
            }
            let Some(&index) = self.names.get(member) else {
                return Err((
                    at,
                    PolicyErrorKind::UnknownName {
                        name: member.clone(),
                    },
                ));
            };
            // "Each defined name can be listed as a group member at most once", in the whole file: one
            // witness must not be able to fill two seats.
            let taken_by = if seen.insert(index) {
                self.member_of.get(&index)
            } else {
                Some(&name)
            };
            if let Some(group) = taken_by {
                let (member, group) = (member.clone(), group.clone());
                return Err((at, PolicyErrorKind::DuplicateMember { member, group }));
            }
            depth = depth.max(self.depths[index] + 1);
            if depth > MAX_GROUP_DEPTH {
                return Err((at, PolicyErrorKind::TooDeep));
            }
            indices.push(index);
        }
        for &index in &indices {
            self.member_of.insert(index, name.clone());
        }
        let def = GroupDef {
            name: name.clone(),
            threshold,
            members: indices,
        };
        self.define(name, NodeDef::Group(def), depth);
        Ok(())
    }

    pub(crate) fn place_quorum(&mut self, name: &Name) -> Result<(), Placed> {
        if self.quorum.is_some() {
            return Err((Part::Keyword, PolicyErrorKind::RepeatedQuorum));
        }
        self.quorum = Some(if name.is_none() {
            None
        } else {
            match self.names.get(name) {
                Some(&index) => Some(index),
                None => {
                    return Err((
                        Part::Name,
                        PolicyErrorKind::UnknownName { name: name.clone() },
                    ));
                }
            }
        });
        Ok(())
    }

    /// Takes a name as defined. Only for a reading that has failed already: what stands for it satisfies no
    /// rule, so nothing may be built from this builder any more.
    pub(crate) fn suppose_name(&mut self, name: Name) {
        if name.is_none() || self.names.contains_key(&name) {
            return;
        }
        let def = GroupDef {
            name: name.clone(),
            threshold: Threshold::Any,
            members: Vec::new(),
        };
        self.define(name, NodeDef::Group(def), 0);
    }

    /// Takes the quorum as set. As [`suppose_name`](Self::suppose_name).
    pub(crate) fn suppose_quorum(&mut self) {
        self.quorum.get_or_insert(None);
    }

    fn define(&mut self, name: Name, def: NodeDef, depth: usize) {
        self.names.insert(name, self.nodes.len());
        self.nodes.push(def);
        self.depths.push(depth);
    }

    fn check_new_name(&self, name: &Name) -> Result<(), Placed> {
        if name.is_none() {
            return Err((Part::Name, PolicyErrorKind::ReservedName));
        }
        if self.names.contains_key(name) {
            return Err((
                Part::Name,
                PolicyErrorKind::DuplicateName { name: name.clone() },
            ));
        }
        Ok(())
    }

    /// One file, one grammar. Set by the first key.
    fn check_dialect(&mut self, found: Dialect) -> Result<(), Placed> {
        let first = *self.dialect.get_or_insert(found);
        if first == found {
            Ok(())
        } else {
            Err((Part::Key, PolicyErrorKind::MixedDialects { first, found }))
        }
    }
}
