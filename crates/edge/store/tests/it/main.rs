//! The store on a fake disk: what it promises, under faults, crashes and damage.
#![expect(clippy::unwrap_used, reason = "test helpers")]

mod basics;
mod faults;
mod ledger;
mod repair;
mod support;
