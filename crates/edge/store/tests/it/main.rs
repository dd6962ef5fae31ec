//! The store on a fake disk: what it promises, under faults, crashes and damage.
#![expect(clippy::unwrap_used, clippy::panic, reason = "test helpers")]

mod basics;
mod beside;
mod blocks;
mod faults;
mod flips;
mod ledger;
mod model;
mod repair;
mod support;
mod threads;
mod unreadable;
