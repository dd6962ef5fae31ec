//! `quorate bundle publish | fetch`, `quorate replicas …`: exact bytes between machines, and copies of them.

use std::path::PathBuf;

use quorate_replication::{Error, Kind};

use crate::failure::{Failure, reason};
use crate::local::Settings;

mod fetch;
mod payload;
mod publish;
mod replicas;

pub(super) use fetch::fetch;
pub(super) use publish::publish;
pub(super) use replicas::replicas;

/// Where it all lies. A node in the same data directory has nothing to do with it.
fn folder(settings: &Settings) -> PathBuf {
    settings.data_dir().join("replicas")
}

/// What failed between machines, and what to do about it.
fn failure(what: &str, error: &Error) -> Failure {
    let why = reason(error);
    let refused = |code: &str| Failure::refused(code, what, &why);
    let environment = |code: &str| Failure::environment(code, what, &why);
    match error.kind() {
        Kind::InUse => environment("in-use").hint(
            "one process serves a data directory, and one fetches a hash into it: wait for it, stop it, or name another directory with --data-dir",
        ),
        Kind::Disk => environment("file").hint("check the path, its permissions and the disk"),
        Kind::Damaged => refused("damaged").hint(
            "nothing was changed; restore the file, or move it away: a new key or address makes old tickets invalid",
        ),
        Kind::Empty => refused("empty").hint("name a file with something in it"),
        Kind::Randomness => environment("randomness").hint("nothing was done"),
        Kind::Listen => environment("listen").hint(
            "choose an address of this machine that no other program uses, with --bind ADDRESS:PORT; tickets name it",
        ),
        Kind::Unreachable => environment("unreachable").hint(
            "check that 'quorate bundle publish' runs there, and that UDP to its address gets through; only the ticket's addresses are tried",
        ),
        Kind::BrokenOff => environment("broken-off")
            .hint("fetch it again: what arrived was verified and is kept"),
        Kind::NotKept => environment("not-kept").hint("check the disk, and try again"),
        Kind::NothingPublished => refused("nothing-published").hint(
            "publish a file, or name the data directory from which files were published with --data-dir; if this is it, they are lost: fetch them from the machines that keep copies",
        ),
        Kind::NotHeld => refused("not-held")
            .hint("ask another holder, or publish the file there again: its copy is missing or damaged"),
        Kind::NotOfThisHash => {
            refused("not-of-this-hash").hint("do not use this holder; nothing of it was kept")
        }
        Kind::TooLarge => {
            refused("too-large").hint("nothing was downloaded; --max-size BYTES allows more")
        }
        Kind::Refused => refused("copy-refused").hint("look at that machine"),
        Kind::Peer => refused("peer")
            .hint("'quorate replicas status' shows this machine and those that were added"),
        Kind::OtherVersion => environment("other-version")
            .hint("stop the process that serves this data directory, and start it again with this version"),
    }
}
