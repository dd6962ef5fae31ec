//! `quorate log export NAME --tiles DIR`: a log as files that any web server serves (c2sp.org/tlog-tiles).
//!
//! Tiles come first and the checkpoint last, each under its name only when it is whole and durable: whoever
//! reads the checkpoint finds every tile it needs, also while an export runs and after one that was cut short.
//! A checkpoint that is there is only ever replaced by one that is consistent with it.

mod site;

use std::path::Path;

use quorate_merkle::{
    BundleId, Hash, Proof, TileId, bundles_grown, tiles_grown, verify_consistency,
};
use quorate_note::{Checkpoint, SignedCheckpoint};
use serde_json::{Value, json};

use super::scroll::{array, entries, info, string};
use crate::client::{Client, Without, broken};
use crate::failure::{Failure, Stop, reason};
use crate::local::Settings;
use crate::out::Out;
use crate::progress;
use crate::uri::Uri;

use site::Site;

pub(super) async fn export(
    settings: &Settings,
    name: &str,
    dir: &Path,
    out: Out,
) -> Result<(), Stop> {
    let mut client = Client::connect(settings, Without::Read).await?;
    let what = format!("cannot export {name} into {}", dir.display());
    let scroll = info(&mut client, name, &what).await?;
    let note = client
        .get_octets(&Uri::path(&["scrolls", name, "checkpoint"]), &what)
        .await?;
    let signed = SignedCheckpoint::parse(&note).map_err(|e| broken(&what, &e))?;
    let new = signed.checkpoint_unverified();
    let site = Site::open(dir, new.origin().as_ref(), &what)?;
    let old = site.published()?;
    if let Some(old) = &old {
        follows(&mut client, name, old, new, &what).await?;
    }
    let from = old.as_ref().map_or(0, Checkpoint::size);
    let mut written = Written::default();
    let bar = progress::steps(grown(from, new.size()).count() as u64, out);
    for path in grown(from, new.size()) {
        let parts: Vec<&str> = ["scrolls", name, "tile"]
            .into_iter()
            .chain(path.split('/'))
            .collect();
        let octets = client.get_octets(&Uri::path(&parts), &what).await?;
        written.file(site.write(&Path::new("tile").join(&path), &octets)?);
        bar.inc(1);
    }
    bar.finish_and_clear();
    if let Some(octets) = site.publish(&note)? {
        written.file(octets);
    }
    // Only now: readers of the checkpoint before may have asked for them until this one was there (L-23).
    for full in full_now(from, new.size()) {
        written.removed += u64::from(site.remove_partial(&Path::new("tile").join(full))?);
    }
    let report = json!({
        "scroll": name,
        "directory": dir.display().to_string(),
        "size": new.size(),
        "root": format!("sha256:{}", new.root()),
        "files": written.files,
        "octets": written.octets,
        "removed": written.removed,
    });
    out.answer(&report, |paint| {
        let raw = string(&scroll, "format") == "raw";
        let done = match written.files {
            0 => "nothing new".to_owned(),
            1 => "1 file written".to_owned(),
            n => format!("{n} files written"),
        };
        let mut text = format!(
            "{} as tiles in {}: {done}\n",
            paint.bold(&entries(new.size(), raw)),
            dir.display()
        );
        if string(&scroll, "visibility") == "restricted" {
            let warning =
                format!("{name} is restricted: whoever can read these files can read its entries.");
            text.push_str(&paint.caution(&warning));
            text.push('\n');
        }
        text
    })
}

/// What an export did.
#[derive(Debug, Default)]
struct Written {
    files: u64,
    octets: u64,
    /// Partial tiles and bundles that gave way to full ones.
    removed: u64,
}

impl Written {
    fn file(&mut self, octets: u64) {
        self.files += 1;
        self.octets += octets;
    }
}

/// Paths below `tile/` that a log of `new` entries has and one of `old` entries has not.
fn grown(old: u64, new: u64) -> impl Iterator<Item = String> {
    let bundles = bundles_grown(old, new).map(|b| b.path());
    bundles.chain(tiles_grown(old, new).map(|t| t.path()))
}

/// The full ones among them: partial ones of the same place are of no use any more.
fn full_now(old: u64, new: u64) -> impl Iterator<Item = String> {
    let bundles = bundles_grown(old, new).filter(BundleId::is_full);
    let tiles = tiles_grown(old, new).filter(TileId::is_full);
    bundles.map(|b| b.path()).chain(tiles.map(|t| t.path()))
}

/// Refuses unless the log of `old` is the beginning of the log of `new`.
async fn follows(
    client: &mut Client,
    name: &str,
    old: &Checkpoint,
    new: &Checkpoint,
    what: &str,
) -> Result<(), Failure> {
    let (before, after) = (old.size(), new.size());
    if before > after {
        return Err(Failure::refused(
            "ahead",
            what,
            format!("its checkpoint is of size {before}, the newest one of {name} is of size {after}"),
        )
        .hint("is this data directory an old copy? if not, keep that checkpoint: it proves that entries were lost"));
    }
    let right = if before == after {
        old.root() == new.root()
    } else if before == 0 {
        *old.root() == Hash::EMPTY_ROOT
    } else {
        let uri = Uri::path(&["scrolls", name, "consistency"])
            .query("old", &before.to_string())
            .query("new", &after.to_string());
        let proof = proof(&client.get(&uri, what).await?, what)?;
        verify_consistency(before, old.root(), after, new.root(), &proof).is_ok()
    };
    if right {
        return Ok(());
    }
    Err(Failure::refused(
        "inconsistent",
        what,
        format!("its checkpoint of size {before} is not of the history that {name} has now"),
    )
    .hint("keep both: together they prove that the history was rewritten; name another directory"))
}

fn proof(answer: &Value, what: &str) -> Result<Proof, Failure> {
    let malformed = |why: String| Failure::environment("not-a-proof", what, why);
    let mut hashes = Vec::new();
    for hash in array(answer, "hashes") {
        let text = hash.as_str().unwrap_or_default();
        let octets = quorate_note::base64::decode_array(text.as_bytes())
            .map_err(|e| malformed(reason(&e)))?;
        hashes.push(Hash::from_bytes(octets));
    }
    Proof::try_from(hashes).map_err(|e| malformed(reason(&e)))
}
