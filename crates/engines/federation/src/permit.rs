//! What a peer may call, by level (VAULTMESH-FEDERATION-PROTOCOL §1.3, §5.1).
//!
//! Each call is a type. Whatever serves a call takes a [`Permit`] of that type by value, and only the level check of a
//! state makes one: a call that was not checked does not compile, and one check serves one call.

use std::marker::PhantomData;

use quorate_receipt::{Blake3Hash, ScrollName, Timestamp};

use crate::level::TrustLevel;
use crate::state::State;
use crate::text::MeshId;

/// One call of the federation API, and the level that it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// The name of its type.
    pub call: &'static str,
    /// The HTTP method.
    pub method: &'static str,
    /// The documents' path.
    pub path: &'static str,
    /// The lowest level that may.
    pub level: TrustLevel,
    /// Whether it is about one scroll, which the agreement must share.
    pub shared_scroll: bool,
}

/// A call of the federation API. Sealed: [`TABLE`] has all of them.
pub trait Call: row::Known {}

impl<C: row::Known> Call for C {}

/// A call about one scroll that the agreement shares.
pub trait ScrollCall: Call + row::OfAScroll {}

impl<C: Call + row::OfAScroll> ScrollCall for C {}

mod row {
    pub trait Known {
        const ROW: super::Row;
    }

    pub trait OfAScroll {}

    pub trait OfNoScroll {}
}

/// A call that is about no single scroll, or about public ones.
pub trait PlainCall: Call + row::OfNoScroll {}

impl<C: Call + row::OfNoScroll> PlainCall for C {}

macro_rules! calls {
    ($( $(#[doc = $doc:literal])+ $call:ident, $method:literal, $path:literal, $level:ident, $of:ident; )+) => {
        $(
            $(#[doc = $doc])+
            #[derive(Debug)]
            pub enum $call {}

            impl row::Known for $call {
                const ROW: Row = Row {
                    call: stringify!($call),
                    method: $method,
                    path: $path,
                    level: TrustLevel::$level,
                    shared_scroll: calls!(@shared $of),
                };
            }

            impl row::$of for $call {}
        )+

        /// Every call and the level that it needs.
        pub const TABLE: &[Row] = &[$(<$call as row::Known>::ROW),+];
    };
    (@shared OfAScroll) => { true };
    (@shared OfNoScroll) => { false };
}

calls! {
    /// Read the discovery record.
    Discover, "GET", "/federation/discovery", Isolated, OfNoScroll;
    /// Make a proposal.
    Propose, "POST", "/federation/proposals", Isolated, OfNoScroll;
    /// Read how a negotiation stands; for its parties.
    ReadProposal, "GET", "/federation/proposals/{id}", Isolated, OfNoScroll;
    /// Answer in a negotiation; for its parties.
    Respond, "PUT", "/federation/proposals/{id}", Isolated, OfNoScroll;
    /// List the agreements that the caller is a party of. While an agreement is suspended its parties still need to
    /// talk about it.
    ListAgreements, "GET", "/federation/agreements", Isolated, OfNoScroll;
    /// Read one of them.
    ReadAgreement, "GET", "/federation/agreements/{id}", Isolated, OfNoScroll;
    /// Revoke, suspend or resume one of them.
    GiveNotice, "DELETE", "/federation/agreements/{id}", Isolated, OfNoScroll;
    /// Read the heads.
    ReadRoots, "GET", "/federation/roots", Observe, OfNoScroll;
    /// Read receipts of a public scroll.
    ReadPublicReceipts, "GET", "/federation/receipts/{scroll}", Observe, OfNoScroll;
    /// Have a receipt of a public scroll verified.
    VerifyPublicReceipt, "POST", "/federation/verify", Observe, OfNoScroll;
    /// Read all receipts of a shared scroll.
    ReadSharedReceipts, "GET", "/federation/receipts/{scroll}", Verify, OfAScroll;
    /// Have a receipt of a shared scroll verified.
    VerifySharedReceipt, "POST", "/federation/verify", Verify, OfAScroll;
    /// Tell of a new head of a shared scroll.
    NotifyAnchor, "POST", "/federation/notify", Verify, OfAScroll;
    /// Hand in what was witnessed of our shared scroll.
    HandInWitness, "POST", "/federation/witness", Verify, OfAScroll;
    /// Hand in a cross-anchor, which includes our heads, and have theirs included.
    HandInCrossAnchor, "POST", "/federation/notify", Attest, OfNoScroll;
    /// Read the merged view of a shared scroll.
    ReadMergedScroll, "GET", "/federation/receipts/{scroll}", Integrate, OfAScroll;
}

/// Leave for one call by one peer. Not to be copied, and made by the level check alone; what it does not say is whether
/// the caller is that peer, which is for whoever checks the connection to know before.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a permit is for serving the call"]
pub struct Permit<C> {
    peer: MeshId,
    level: TrustLevel,
    agreement: Option<Blake3Hash>,
    scroll: Option<ScrollName>,
    call: PhantomData<fn() -> C>,
}

impl<C> Permit<C> {
    /// Who may call.
    #[must_use]
    pub fn peer(&self) -> &MeshId {
        &self.peer
    }

    /// The level at which it may.
    #[must_use]
    pub fn level(&self) -> TrustLevel {
        self.level
    }

    /// The agreement that gives the level; none at level 0.
    #[must_use]
    pub fn agreement(&self) -> Option<&Blake3Hash> {
        self.agreement.as_ref()
    }
}

impl<C: ScrollCall> Permit<C> {
    /// The shared scroll that the call is about.
    #[must_use]
    pub fn scroll(&self) -> Option<&ScrollName> {
        self.scroll.as_ref()
    }
}

/// A call that is not permitted: 403. Nothing is changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Forbidden {
    /// The level is too low.
    #[error("{method} {path} needs the trust level {needs}, but {peer} has {has}")]
    Level {
        /// Who called.
        peer: MeshId,
        /// The method of the call.
        method: &'static str,
        /// Its path.
        path: &'static str,
        /// The level that it needs.
        needs: TrustLevel,
        /// The level that the peer has.
        has: TrustLevel,
    },
    /// The level would do, but the agreement does not share the scroll.
    #[error("the agreement with {peer} does not share the scroll {scroll}")]
    NotShared {
        /// Who called.
        peer: MeshId,
        /// About which scroll.
        scroll: ScrollName,
    },
}

impl State {
    /// The level check, for a call that is about no shared scroll.
    ///
    /// # Errors
    /// [`Forbidden::Level`].
    pub fn permit<C: PlainCall>(
        &self,
        peer: &MeshId,
        now: Timestamp,
    ) -> Result<Permit<C>, Forbidden> {
        self.check_level(peer, now)
    }

    /// The level check, for a call about a scroll that the agreement must share.
    ///
    /// # Errors
    /// [`Forbidden`].
    pub fn permit_scroll<C: ScrollCall>(
        &self,
        peer: &MeshId,
        scroll: &ScrollName,
        now: Timestamp,
    ) -> Result<Permit<C>, Forbidden> {
        let permit = self.check_level(peer, now)?;
        let shared = self.bond_with(peer).is_some_and(|bond| bond.shares(scroll));
        if !shared {
            return Err(Forbidden::NotShared {
                peer: peer.clone(),
                scroll: scroll.clone(),
            });
        }
        Ok(Permit {
            scroll: Some(scroll.clone()),
            ..permit
        })
    }

    fn check_level<C: Call>(&self, peer: &MeshId, now: Timestamp) -> Result<Permit<C>, Forbidden> {
        let Row {
            method,
            path,
            level: needs,
            ..
        } = C::ROW;
        let has = self.level(peer, now);
        if has < needs {
            return Err(Forbidden::Level {
                peer: peer.clone(),
                method,
                path,
                needs,
                has,
            });
        }
        let agreement = self
            .bond_with(peer)
            .filter(|_| has > TrustLevel::Isolated)
            .map(|bond| bond.agreement().hash());
        Ok(Permit {
            peer: peer.clone(),
            level: has,
            agreement,
            scroll: None,
            call: PhantomData,
        })
    }
}
