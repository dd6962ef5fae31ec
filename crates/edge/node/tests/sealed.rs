//! Sealed content over a restart.

mod common;

use std::path::Path;
use std::sync::Arc;

use axum::http::StatusCode;
use common::{call, close, get, new_scroll, open};
use quorate_node::Mode;
use quorate_receipt::Sealed;
use quorate_store::{OsDisk, SealedStore};

fn store(dir: &Path) -> SealedStore {
    let dir = dir.join("data/receipts/a/sealed");
    SealedStore::new(Arc::new(OsDisk), &dir, |salt, content| {
        *Sealed::commit(salt, content).commitment.as_bytes()
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn content_whose_receipt_never_got_into_the_log_is_erased_at_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let node = open(dir.path(), Mode::Online).await;
    let api = node.api();
    new_scroll(&api, "A", "receipts", "restricted").await;
    let (status, _) = call(&api, "POST", "/scrolls/A/sealed", "", b"kept content").await;
    assert_eq!(status, StatusCode::OK);
    drop(api);
    close(node).await;

    // What a process leaves that ends after the content is durable and before its receipt is.
    let (salt, content) = ([9; 32], b"orphan");
    let orphan = Sealed::commit(&salt, content).commitment;
    let sealed = store(dir.path());
    sealed.put(orphan.as_bytes(), &salt, content).unwrap();
    assert_eq!(sealed.commitments().unwrap().len(), 2);

    let node = open(dir.path(), Mode::Online).await;
    assert_eq!(sealed.commitments().unwrap().len(), 1);
    assert_eq!(sealed.exists(orphan.as_bytes()), Ok(false));
    let (status, kept) = get(&node.api(), "/scrolls/A/sealed/0").await;
    assert_eq!(
        (status, kept.as_slice()),
        (StatusCode::OK, &b"kept content"[..])
    );
    close(node).await;
}
