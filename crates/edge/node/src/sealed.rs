//! Sealed content: kept beside the log behind a salted commitment, so that it can be erased (R7).
//!
//! The content is durable before the receipt that commits to it is appended: a receipt never promises
//! content that a crash took. Content whose receipt did not get into the log is erased: at once when the append
//! was refused, at the next start when the process ended in between. Erasing appends a `content_erased` receipt first and removes the content
//! when that is durable: the log may say "erased" of content that a crash left behind (the next erase
//! removes it), never the other way round.

use std::collections::HashSet;
use std::sync::Arc;

use axum::http::StatusCode;
use quorate_receipt::json::{Object, Value};
use quorate_receipt::{Receipt, Sealed};
use quorate_store::{PreparedEntry, ReadError, Reader, SealedError, SealedStore};

use crate::api::ApiError;
use crate::auth::Writer;
use crate::clock;
use crate::fanout::Witnessing;
use crate::keys::fresh_seed;
use crate::lane::{Lane, Whole};
use crate::prepare;
use crate::scroll::Scroll;
use crate::sequencer::{Append, AppendError, Appended};

/// The type of the receipt that records an erasure.
pub(crate) const ERASED: &str = "content_erased";
/// What the ids of erasures begin with.
pub(crate) const ERASURE_ID: &str = "erasure-of-";
/// The member of that receipt that names the commitment.
pub(crate) const COMMITMENT: &str = "commitment";
/// The type of a receipt whose submitter named none.
pub(crate) const DEFAULT_TYPE: &str = "sealed_content";

/// Seals `content` and appends a receipt of `type_` that commits to it.
pub(crate) async fn seal(
    scroll: &Arc<Scroll>,
    lane: &Lane,
    type_: String,
    content: Whole,
    writer: Option<Arc<Writer>>,
) -> Result<(Receipt, quorate_merkle::Hash, Appended), ApiError> {
    let sequencer = scroll.sequencer()?;
    let keeper = Arc::clone(scroll);
    let keep = move || keep(&keeper, &type_, &content, writer.as_deref());
    let kept = lane.blocking(keep).await?;
    let leaf = *kept.entry.leaf();
    match sequencer.append(Append::one(kept.entry)).await {
        Ok(appended) => Ok((kept.receipt, leaf, appended)),
        Err(error) => {
            // Stopped: the receipt may be in the log. Anything else: it is not and will not be.
            if error != AppendError::Stopped {
                let keeper = Arc::clone(scroll);
                let drop_it = move || {
                    drop_content(&keeper, &kept.commitment);
                    Ok(())
                };
                lane.blocking(drop_it).await?;
            }
            Err(error.into())
        }
    }
}

/// Content that is durable, and the entry that commits to it.
struct Kept {
    receipt: Receipt,
    entry: PreparedEntry,
    commitment: [u8; 32],
}

/// Keeps `content` durably and makes the receipt that commits to it.
fn keep(
    scroll: &Scroll,
    type_: &str,
    content: &[u8],
    writer: Option<&Writer>,
) -> Result<Kept, ApiError> {
    let salt = fresh_seed().map_err(|e| ApiError::internal(e.to_string()))?;
    let sealed = Sealed::commit(&salt, content);
    let object = Object::new()
        .with("type", type_)
        .with(Sealed::MEMBER, sealed.to_value());
    let text = quorate_receipt::json::canonical_object(&object);
    let receipt =
        prepare::accept(&text, clock::now(), writer).map_err(|e| crate::api::refused(&e))?;
    let entry = prepare::entry_of(receipt.clone()).map_err(|e| crate::api::refused(&e))?;
    let commitment = *sealed.commitment.as_bytes();
    if let Err(e) = scroll.sealed().put(&commitment, &salt, content) {
        drop_content(scroll, &commitment);
        return Err(ApiError::internal(format!(
            "the content could not be kept, so no receipt was appended: {e}"
        )));
    }
    Ok(Kept {
        receipt,
        entry,
        commitment,
    })
}

/// Erases content that no receipt commits to. If that fails, the next start does it.
fn drop_content(scroll: &Scroll, commitment: &[u8; 32]) {
    if let Err(error) = scroll.sealed().erase(commitment) {
        tracing::warn!(%error, "content without a receipt is left beside the log until the next start");
    }
}

/// Erases content left by a process that ended before its receipt was in the log. To be called before anything
/// can be appended. Returns how many.
///
/// Content is erased only when the whole log was read and no receipt in it commits to it; that is done only
/// when a look-up did not find one, which is rare.
pub(crate) fn erase_orphans(store: &SealedStore, reader: &Reader) -> Result<usize, SealedError> {
    let mut in_log = None;
    let erased = store.erase_orphans(|commitment| {
        if find_commitment(reader, commitment).unwrap_or(true) {
            return true;
        }
        let in_log = in_log.get_or_insert_with(|| all_commitments(reader));
        in_log
            .as_ref()
            .map_or(true, |all: &HashSet<[u8; 32]>| all.contains(commitment))
    })?;
    Ok(erased.len())
}

/// Whether the look-up leads to a receipt with this commitment.
pub(crate) fn find_commitment(reader: &Reader, commitment: &[u8; 32]) -> Result<bool, ReadError> {
    let text = quorate_receipt::Blake3Hash::from_bytes(*commitment).to_string();
    for index in reader.find_id(&text, 16)? {
        if commitment_in(&reader.entry(index)?) == Some(*commitment) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The commitments of all receipts, from the record itself.
fn all_commitments(reader: &Reader) -> Result<HashSet<[u8; 32]>, ReadError> {
    let size = reader.size();
    let (mut found, mut next) = (HashSet::new(), 0);
    while next < size {
        let entries = reader.entries(next..size, 1 << 20)?;
        next += entries.len() as u64;
        found.extend(entries.iter().filter_map(|entry| commitment_in(entry)));
    }
    Ok(found)
}

fn commitment_in(entry: &[u8]) -> Option<[u8; 32]> {
    let sealed = prepare::sealed_in(&Receipt::parse_canonical(entry).ok()?)?;
    Some(*sealed.commitment.as_bytes())
}

async fn append(
    scroll: &Scroll,
    receipt: &Receipt,
) -> Result<(quorate_merkle::Hash, Appended), ApiError> {
    let entry = prepare::entry_of(receipt.clone()).map_err(|e| crate::api::refused(&e))?;
    let leaf = *entry.leaf();
    let appended = scroll.append(Append::one(entry)).await?;
    Ok((leaf, appended))
}

/// The commitment of a receipt, if it has one.
pub(crate) fn sealed_of(scroll: &Scroll, index: u64) -> Result<Option<Sealed>, ApiError> {
    let entry = scroll.reader().entry(index)?;
    let Ok(receipt) = Receipt::parse_canonical(&entry) else {
        return Ok(None);
    };
    Ok(receipt
        .get(Sealed::MEMBER)
        .and_then(|v| Sealed::from_value(v).ok()))
}

fn require_sealed(scroll: &Scroll, index: u64) -> Result<Sealed, ApiError> {
    let size = scroll.reader().size();
    if index >= size {
        return Err(ApiError::not_found(format!(
            "{:?} has {size} entries; there is no index {index}",
            scroll.spec().name
        )));
    }
    sealed_of(scroll, index)?.ok_or_else(|| {
        ApiError::new(
            StatusCode::CONFLICT,
            "not-sealed",
            format!("entry {index} does not seal content"),
            "only receipts made with --seal have content beside the log",
        )
    })
}

/// The receipt that records the erasure of `sealed`, with its index.
pub(crate) fn erasure_of(
    scroll: &Scroll,
    sealed: &Sealed,
) -> Result<Option<(u64, Receipt)>, ApiError> {
    let commitment = sealed.commitment.to_string();
    for index in scroll.reader().find_id(&erasure_id(&commitment), 16)? {
        let entry = scroll.reader().entry(index)?;
        let Ok(receipt) = Receipt::parse_canonical(&entry) else {
            continue;
        };
        if receipt.type_() == ERASED
            && receipt.get(COMMITMENT).and_then(Value::as_str) == Some(&commitment)
        {
            return Ok(Some((index, receipt)));
        }
    }
    Ok(None)
}

/// The receipt id of an erasure, so that it is found by look-up.
fn erasure_id(commitment: &str) -> String {
    format!("{ERASURE_ID}{commitment}")
}

/// The content behind entry `index`.
pub(crate) fn content(scroll: &Scroll, index: u64) -> Result<Vec<u8>, ApiError> {
    let sealed = require_sealed(scroll, index)?;
    if let Some((at, receipt)) = erasure_of(scroll, &sealed)? {
        return Err(ApiError::new(
            StatusCode::GONE,
            "content-erased",
            format!("content erased on {} (entry {at})", receipt.timestamp()),
            "the receipt and its proof stay; the content is gone for good",
        ));
    }
    let opened = scroll
        .sealed()
        .get(sealed.commitment.as_bytes())
        .map_err(|e| {
            ApiError::internal(format!(
                "the sealed content of entry {index} is damaged: {e}"
            ))
        })?;
    opened.map(|o| o.content).ok_or_else(|| {
        ApiError::internal(format!(
            "the sealed content of entry {index} is missing and no erasure is recorded"
        ))
    })
}

/// What an erasure did.
#[derive(Debug)]
pub(crate) struct Erased {
    /// Where it is recorded.
    pub(crate) index: u64,
    /// The receipt that records it.
    pub(crate) receipt: Receipt,
    /// It was recorded before; nothing was appended now.
    pub(crate) before: bool,
}

/// Records the erasure, then removes the content. Doing it again only makes sure that the content is gone.
pub(crate) async fn erase(
    scroll: &Arc<Scroll>,
    lane: &Lane,
    index: u64,
    reason: &str,
) -> Result<Erased, ApiError> {
    let reader = Arc::clone(scroll);
    let look = move || {
        let sealed = require_sealed(&reader, index)?;
        let erasure = erasure_of(&reader, &sealed)?;
        Ok((sealed, erasure))
    };
    let (sealed, erasure) = lane.blocking(look).await?;
    let before = erasure.is_some();
    let (index, receipt) = match erasure {
        Some(found) => found,
        None => {
            let commitment = sealed.commitment.to_string();
            let object = Object::new()
                .with("type", ERASED)
                .with("id", erasure_id(&commitment))
                .with(COMMITMENT, commitment)
                .with("index", Value::try_from(index).unwrap_or(Value::Null))
                .with("reason", reason)
                .with("tags", Value::Array(vec![Value::from("erasure")]));
            let receipt = Receipt::from_object(&object, clock::now()).map_err(|e| {
                ApiError::bad_request(
                    "malformed",
                    format!("the erasure cannot be recorded: {e}"),
                    "shorten the reason",
                )
            })?;
            let (_, appended) = append(scroll, &receipt).await?;
            (appended.first_index, receipt)
        }
    };
    let keeper = Arc::clone(scroll);
    let remove = move || {
        keeper
            .sealed()
            .erase(sealed.commitment.as_bytes())
            .map_err(|e| ApiError::internal(format!("the erasure is recorded, but the content could not be removed: {e}; run the command again")))
    };
    lane.blocking(remove).await?;
    Ok(Erased {
        index,
        receipt,
        before,
    })
}

/// The proof of an entry. If its content was erased, `extra` carries the erasure receipt with its own
/// inclusion proof under the same checkpoint, so that a verifier can say so offline.
pub(crate) async fn prove(
    scroll: &Arc<Scroll>,
    lane: &Lane,
    index: u64,
) -> Result<String, ApiError> {
    let size = scroll.reader().size();
    if index >= size {
        return Err(ApiError::not_found(format!(
            "{:?} has {size} entries; there is no index {index}",
            scroll.spec().name
        )));
    }
    let reader = Arc::clone(scroll);
    let look = move || match sealed_of(&reader, index)? {
        Some(sealed) => erasure_of(&reader, &sealed),
        None => Ok(None),
    };
    let Some((at, receipt)) = lane.blocking(look).await? else {
        return scroll.prove(lane, index).await;
    };
    let quorate = scroll.witnessing().and_then(Witnessing::newest);
    let published = match quorate.filter(|q| q.size > index.max(at)) {
        Some(quorate) => quorate,
        None => scroll.checkpoints().covering(size.max(at + 1)).await?,
    };
    let reader = Arc::clone(scroll);
    let prove = move || {
        let proof = reader.reader().prove_inclusion(at, published.size)?;
        let extra = quorate_verify::Erasure::new(at, proof, receipt).to_extra();
        Ok(reader.proof_under(index, &published, extra)?.to_text())
    };
    lane.blocking(prove).await
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::thread::JoinHandle;
    use std::time::Duration;

    use axum::body::Body;
    use quorate_store::{Disk, Kind, OpenOptions, ScrollSpec, Visibility};
    use quorate_testkit::disk::{FakeDisk, Fault};

    use super::*;
    use crate::checkpoint::Checkpoints;
    use crate::prepare::ReceiptIndexer;
    use crate::sequencer::Sequencer;

    const DIR: &str = "data/receipts/a";

    fn disk_of(fake: &FakeDisk) -> Arc<dyn Disk> {
        Arc::new(fake.clone())
    }

    fn spec() -> ScrollSpec {
        ScrollSpec {
            name: "A".to_owned(),
            kind: Kind::Receipts,
            visibility: Visibility::Restricted,
            origin: "example.org/A".to_owned(),
            created_at: "2026-11-20T12:00:00Z".to_owned(),
        }
    }

    /// A scroll as a start brings it up, with orphans not yet looked for.
    fn start(fake: &FakeDisk) -> (Arc<Scroll>, JoinHandle<()>) {
        let (dir, disk) = (Path::new(DIR), disk_of(fake));
        let opened = quorate_store::Scroll::open(
            &disk,
            dir,
            Arc::new(ReceiptIndexer),
            &OpenOptions::default(),
        );
        let (writer, reader) = opened.unwrap().0.split();
        let (sequencer, thread) = Sequencer::start("A", writer, || 1, |_| ()).unwrap();
        let sealed = SealedStore::new(disk, &dir.join("sealed"), |salt, content| {
            *Sealed::commit(salt, content).commitment.as_bytes()
        });
        let scroll = Arc::new(Scroll {
            spec: spec(),
            reader,
            sequencer: Some(sequencer),
            checkpoints: Checkpoints::stored_only(None),
            sealed,
            witnessing: None,
            gate: tokio::sync::watch::Sender::new(crate::fanout::Gate::Open),
            shown: std::sync::Mutex::default(),
        });
        (scroll, thread)
    }

    async fn seal_text(scroll: &Arc<Scroll>, text: &'static [u8]) -> Result<Appended, ApiError> {
        let lane = Lane::new(1 << 10, 2, Duration::from_secs(3600), Duration::ZERO);
        let content = lane.whole(Body::from(text)).await?;
        let sealed = seal(scroll, &lane, "letter".to_owned(), content, None).await;
        sealed.map(|(_, _, appended)| appended)
    }

    fn created() -> FakeDisk {
        let fake = FakeDisk::new();
        quorate_store::Scroll::create(&disk_of(&fake), Path::new(DIR), &spec()).unwrap();
        fake
    }

    /// The content behind every receipt of the log, all of it whole; and how many commitments there are files
    /// for.
    fn contents(scroll: &Scroll) -> (Vec<Vec<u8>>, usize) {
        let content = |commitment: [u8; 32]| {
            let found = scroll.sealed().get(&commitment).unwrap();
            found
                .expect("content of a receipt in the log is gone")
                .content
        };
        let entries = (0..scroll.reader().size()).map(|i| scroll.reader().entry(i).unwrap());
        let commitments = entries.filter_map(|entry| commitment_in(&entry));
        let held = scroll.sealed().commitments().unwrap().len();
        (commitments.map(content).collect(), held)
    }

    #[tokio::test]
    async fn content_is_kept_for_exactly_the_receipts_in_the_log_whatever_fails() {
        let mut refused = 0;
        for fault in [
            Fault::Before,
            Fault::After,
            Fault::Half,
            Fault::SyncLost,
            Fault::Stop,
            Fault::StopAfter,
        ] {
            for nth in 0.. {
                let fake = created();
                let (scroll, thread) = start(&fake);
                let first = seal_text(&scroll, b"the first").await;
                assert!(first.is_ok());
                fake.fail_at(nth, fault);
                let second = seal_text(&scroll, b"the second").await.is_ok();
                let reached = fake.failed().is_some();
                let stops = matches!(fault, Fault::Stop | Fault::StopAfter);
                if !stops {
                    let (known, held) = contents(&scroll);
                    let appends = seal_text(&scroll, b"the third").await.is_ok();
                    assert_eq!(known.len(), if second { 2 } else { 1 }, "{fault:?} {nth}");
                    // Whether it is there is not known only when the sequencer stopped over it.
                    if appends {
                        assert_eq!(held, known.len(), "{fault:?} {nth}");
                        refused += u32::from(!second);
                    }
                }
                drop(scroll);
                thread.join().unwrap();
                fake.heal();
                for after in [fake.fork(), fake.crash(nth), fake.crash(nth + 100)] {
                    let (scroll, thread) = start(&after);
                    erase_orphans(scroll.sealed(), scroll.reader()).unwrap();
                    let (known, held) = contents(&scroll);
                    assert_eq!(held, known.len(), "{fault:?} {nth}: an orphan stayed");
                    assert_eq!(known[0], b"the first");
                    let there = known.iter().any(|content| content == b"the second");
                    assert!(there || !second, "{fault:?} {nth}");
                    drop(scroll);
                    thread.join().unwrap();
                }
                if !reached {
                    assert!(nth > 10);
                    break;
                }
            }
        }
        assert!(refused > 5);
    }

    #[tokio::test]
    async fn content_is_not_erased_while_the_log_cannot_be_read_or_the_look_up_does_not_know() {
        let fake = created();
        let (scroll, thread) = start(&fake);
        for content in [b"one", b"two"] {
            seal_text(&scroll, content).await.unwrap();
        }
        let (salt, orphan) = ([7; 32], b"orphan");
        let commitment = Sealed::commit(&salt, orphan).commitment;
        let put = scroll.sealed().put(commitment.as_bytes(), &salt, orphan);
        put.unwrap();
        drop(scroll);
        thread.join().unwrap();

        // The record cannot be read: nobody knows what the receipts commit to.
        let broken = fake.fork();
        let (scroll, thread) = start(&broken);
        broken.unreadable(&Path::new(DIR).join("a_events.jsonl"), 0..4096);
        assert_eq!(erase_orphans(scroll.sealed(), scroll.reader()), Ok(0));
        assert_eq!(scroll.sealed().commitments().unwrap().len(), 3);
        drop(scroll);
        thread.join().unwrap();

        // Look-ups that never heard of commitments: the log itself is asked.
        let (scroll, thread) = start(&fake);
        let in_log = all_commitments(scroll.reader()).unwrap();
        let opaque = quorate_store::Opaque;
        fake.lose(&Path::new(DIR).join("snapshot"));
        let (other, _) = quorate_store::Scroll::open(
            &disk_of(&fake.fork()),
            Path::new(DIR),
            Arc::new(opaque),
            &OpenOptions::default(),
        )
        .unwrap();
        for commitment in &in_log {
            assert_eq!(find_commitment(&other.reader(), commitment), Ok(false));
            assert_eq!(find_commitment(scroll.reader(), commitment), Ok(true));
        }
        assert_eq!(erase_orphans(scroll.sealed(), &other.reader()), Ok(1));
        assert_eq!(contents(&scroll).1, 2);
        drop(scroll);
        thread.join().unwrap();
    }
}
