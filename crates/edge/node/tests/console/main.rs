//! The console's pages: what they show, to whom, and that nothing in a receipt can change them.
#![forbid(unsafe_code)]

mod access;
mod browser;
mod escaping;
mod pages;
mod support;
mod verify;
