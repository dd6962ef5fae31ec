//! A node that was set back, or whose log somebody else signed: nothing new is signed.

use std::path::Path;

use axum::http::StatusCode;
use serde_json::Value;

use super::tests::{Lie, RECEIPT, Rig, WAIT, info, until};
use crate::testing::close;

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else if path.is_file() {
            std::fs::copy(&path, &target).unwrap();
        }
    }
}

impl Rig {
    fn data(&self) -> std::path::PathBuf {
        self.dir.path().join("data")
    }

    /// Puts the data directory aside.
    fn keep_copy(&self) {
        copy(&self.data(), &self.dir.path().join("older"));
    }

    /// Sets it back to what was put aside.
    fn set_back(&self) {
        std::fs::remove_dir_all(self.data()).unwrap();
        copy(&self.dir.path().join("older"), &self.data());
    }

    /// The node must not sign any more, and says why; what is appended is durable all the same.
    async fn refuses_to_sign(&self, size: u64, why: &str) {
        let (node, network) = self.open().await;
        let refused = until(&network, |i| i["witnessing"]["signing"] == "no").await;
        let state = refused["witnessing"]["state"].as_str().unwrap();
        assert!(
            state.starts_with("not signed any more: ") && state.contains(why),
            "{state}"
        );
        assert_eq!(
            refused["witnessing"]["alarm"],
            state["not signed any more: ".len()..]
        );
        let health = network.get("/healthz").await;
        assert_eq!(health.status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(String::from_utf8_lossy(&health.body).contains(why));
        for wait in ["checkpoint", "quorate"] {
            let path = format!("/scrolls/A/receipts?wait={wait}");
            let answer = network.post(&path, RECEIPT).await;
            assert_eq!(answer.status, StatusCode::ACCEPTED, "{wait}");
            assert_eq!(answer.json()["watermark"], "durable");
        }
        let forced = network.post("/scrolls/A/checkpoint", "").await;
        assert_eq!(forced.status, StatusCode::SERVICE_UNAVAILABLE);
        let after = info(&network).await;
        assert_eq!(after["checkpoint"]["size"], size, "nothing new is signed");
        assert_eq!(after["size"], size + 2);
        close(node).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn r2_a_node_whose_disk_was_set_back_refuses_to_sign_and_says_so() {
    let rig = Rig::with_history().await;
    rig.keep_copy();
    let (node, network) = rig.open().await;
    assert_eq!(network.post(WAIT, RECEIPT).await.status, StatusCode::OK);
    close(node).await;
    rig.set_back();
    rig.refuses_to_sign(
        1,
        "it co-signed 2 entries, and this node remembers having signed no more than 1",
    )
    .await;
    // It is refused again after a restart, and what is durable by now is not signed.
    let (node, network) = rig.open().await;
    let again = until(&network, |i| i["witnessing"]["signing"] == "no").await;
    assert_eq!(
        (&again["size"], &again["checkpoint"]["size"]),
        (&3.into(), &1.into())
    );
    close(node).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r2_a_node_that_signed_another_head_of_the_same_size_refuses_to_go_on() {
    let rig = Rig::with_history().await;
    rig.keep_copy();
    let (node, network) = rig.open().await;
    assert_eq!(network.post(WAIT, RECEIPT).await.status, StatusCode::OK);
    close(node).await;
    // Set back, it signs another second entry while it has no policy.
    rig.set_back();
    rig.write("quorum none\n");
    let (node, network) = rig.open().await;
    let other = r#"{"type":"y"}"#;
    network
        .post("/scrolls/A/receipts?wait=checkpoint", other)
        .await;
    close(node).await;
    rig.write_policy(2, &rig.witnesses);
    rig.refuses_to_sign(2, "it co-signed another head of 2 entries")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r2_nothing_new_is_signed_before_enough_witnesses_have_said_what_they_remember() {
    let rig = Rig::with_history().await;
    rig.witnesses[0].set_up(false);
    rig.witnesses[1].set_up(false);
    let (node, network) = rig.open().await;
    // Appends go on.
    assert_eq!(
        network.post("/scrolls/A/receipts", RECEIPT).await.status,
        StatusCode::OK
    );
    let asking = until(&network, |i| i["size"] == 2).await;
    let signing = asking["witnessing"]["signing"].as_str().unwrap();
    assert_eq!(
        signing,
        "not yet: too few witnesses have said what they remember"
    );
    let waited = network
        .post("/scrolls/A/receipts?wait=quorate&timeout=1", RECEIPT)
        .await;
    assert_eq!(waited.status, StatusCode::ACCEPTED);
    assert_eq!(info(&network).await["checkpoint"]["size"], 1);
    // Two of three have answered: the third is no quorum by itself.
    rig.witnesses[1].set_up(true);
    let signed = until(&network, |i| i["watermark"] == "quorate").await;
    assert_eq!(signed["witnessing"]["quorate"]["size"], 3);
    assert_eq!(network.get("/healthz").await.status, StatusCode::OK);
    close(node).await;
}

/// A witness may know of a head that somebody else signed at any time, not only when the node starts.
#[tokio::test(flavor = "multi_thread")]
async fn l33_a_witness_that_claims_more_than_we_ever_signed_stops_the_signing_until_an_operator_resumes()
 {
    let rig = Rig::with_history().await;
    let (node, network) = rig.open().await;
    assert_eq!(network.post(WAIT, RECEIPT).await.status, StatusCode::OK);
    assert_eq!(
        network.post("/scrolls/A/resume", "").await.status,
        StatusCode::CONFLICT
    );
    rig.witnesses[2].lies(Some(Lie::Conflict(99)));
    network.post("/scrolls/A/receipts", RECEIPT).await;
    let halted = until(&network, |i| i["witnessing"]["signing"] == "no").await;
    let why = "the witness w63 says: it co-signed 99 entries, and this node signed no more than 3 (seen 20";
    assert!(
        halted["halted"].as_str().unwrap().starts_with(why),
        "{halted}"
    );
    assert_eq!(halted["witnessing"]["alarm"], halted["halted"]);
    let answer = network
        .post("/scrolls/A/receipts?wait=quorate", RECEIPT)
        .await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    let page = String::from_utf8(network.get("/console/A").await.body).unwrap();
    assert!(page.contains("This scroll is not signed any more.") && page.contains("99 entries"));
    assert_eq!(
        info(&network).await["checkpoint"]["size"],
        3,
        "nothing new is signed"
    );
    close(node).await;

    // So it is after a restart, although the other two are a quorum and the liar is gone, and without any witness.
    rig.witnesses[2].set_up(false);
    rig.witnesses[2].lies(None);
    let policy = std::fs::read_to_string(rig.dir.path().join("policy")).unwrap();
    rig.write("quorum none\n");
    let (node, network) = rig.open().await;
    let unwitnessed = info(&network).await;
    assert!(unwitnessed["halted"].as_str().unwrap().starts_with(why));
    assert_eq!(
        network.get("/healthz").await.status,
        StatusCode::SERVICE_UNAVAILABLE
    );
    network
        .post("/scrolls/A/receipts?wait=checkpoint", RECEIPT)
        .await;
    assert_eq!(info(&network).await["checkpoint"]["size"], 3);
    close(node).await;
    rig.write(&policy);
    let (node, network) = rig.open().await;
    let again = info(&network).await;
    assert!(again["halted"].as_str().unwrap().starts_with(why));

    // Resumed, the witnesses are asked first.
    let resumed = network.post("/scrolls/A/resume", "").await;
    assert_eq!(resumed.status, StatusCode::OK);
    let quorate = until(&network, |i| i["watermark"] == "quorate").await;
    assert_eq!(
        (&quorate["halted"], &quorate["size"]),
        (&Value::Null, &5.into())
    );
    assert_eq!(network.get("/healthz").await.status, StatusCode::OK);
    close(node).await;
    let (node, network) = rig.open().await;
    assert_eq!(info(&network).await["halted"], Value::Null);
    close(node).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_witness_that_says_it_co_signed_another_history_is_an_alarm_and_no_halt() {
    let rig = Rig::with_history().await;
    let (node, network) = rig.open().await;
    assert_eq!(network.post(WAIT, RECEIPT).await.status, StatusCode::OK);
    rig.witnesses[0].lies(Some(Lie::OtherHistory));
    assert_eq!(network.post(WAIT, RECEIPT).await.status, StatusCode::OK);
    let alarmed = until(&network, |i| i["witnessing"]["alarm"] != Value::Null).await;
    assert_eq!(
        alarmed["witnessing"]["alarm"],
        "the witness w61 says that it co-signed another history of this scroll"
    );
    assert_eq!(
        (&alarmed["halted"], &alarmed["watermark"]),
        (&Value::Null, &"quorate".into())
    );
    close(node).await;
}
