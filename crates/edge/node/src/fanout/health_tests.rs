//! What `/healthz` and `/metrics` say of a node with witnesses.

use std::time::Duration;

use axum::http::StatusCode;

use super::tests::{RECEIPT, Rig, info, open_with, until};
use crate::Mode;
use crate::testing::{Network, close};

/// Waits until `/healthz` says this.
async fn health(network: &Network, status: StatusCode, words: &str) {
    for _ in 0..6000 {
        let answer = network.get("/healthz").await;
        let text = String::from_utf8(answer.body).unwrap();
        if answer.status == status && text.contains(words) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it never came to that: {}", info(network).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_is_ill_while_a_receipt_has_waited_too_long_for_its_quorum_and_says_for_whom() {
    let rig = Rig::with_history().await;
    let (dir, short) = (rig.dir.path(), Duration::from_millis(1));
    let impatient = |config: &mut crate::Config| config.longest_quorum_wait = short;
    let node = open_with(dir, Mode::Online, impatient).await.unwrap();
    let network = Network::new(&node);
    rig.follow(&node, "Identity");
    until(&network, |i| i["witnessing"]["signing"] == "yes").await;
    rig.witnesses[0].set_up(false);
    rig.witnesses[1].set_up(false);
    network.post("/scrolls/A/receipts", RECEIPT).await;
    health(
        &network,
        StatusCode::SERVICE_UNAVAILABLE,
        " s for its quorum",
    )
    .await;
    until(&network, |i| {
        i["witnessing"]["witnesses"][1]["trouble"] == "it is busy"
    })
    .await;
    health(
        &network,
        StatusCode::SERVICE_UNAVAILABLE,
        "w61 (it is busy), w62 (it is busy)",
    )
    .await;
    let metrics = String::from_utf8(network.get("/metrics").await.body).unwrap();
    let failing = "quorate_cosigning_failing{scroll=\"A\",witness=\"w61\"} 1\n";
    assert!(metrics.contains(failing), "{metrics}");
    until(&network, |i| i["witnessing"]["witnesses"][2]["size"] == 2).await;
    let page = String::from_utf8(network.get("/console/A").await.body).unwrap();
    for shown in [
        "q: 2 of 3",
        "<bdi>w61</bdi>",
        "missing",
        "it is busy",
        "co-signed</span>",
    ] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    rig.witnesses.iter().for_each(|w| w.set_up(true));
    health(&network, StatusCode::OK, "ok").await;
    let well = info(&network).await;
    let co_signed = &well["witnessing"]["witnesses"][2];
    assert_eq!(
        (&co_signed["name"], &co_signed["size"]),
        (&"w63".into(), &2.into())
    );
    close(node).await;
    // Who is patient is well all the time.
    rig.witnesses.iter().for_each(|w| w.set_up(false));
    let (node, network) = rig.open().await;
    assert_eq!(network.get("/healthz").await.status, StatusCode::OK);
    close(node).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_is_ill_while_a_receipt_has_waited_too_long_for_a_checkpoint() {
    let rig = Rig::with_history().await;
    rig.witnesses.iter().for_each(|w| w.set_up(false));
    let (dir, short) = (rig.dir.path(), Duration::from_millis(1));
    let impatient = |config: &mut crate::Config| config.longest_checkpoint_wait = short;
    let node = open_with(dir, Mode::Online, impatient).await.unwrap();
    let network = Network::new(&node);
    network.post("/scrolls/A/receipts", RECEIPT).await;
    health(
        &network,
        StatusCode::SERVICE_UNAVAILABLE,
        " s for a checkpoint",
    )
    .await;
    rig.witnesses.iter().for_each(|w| w.set_up(true));
    health(&network, StatusCode::OK, "ok").await;
    close(node).await;
}
