//! A whole node with witnesses that this process plays.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::http::StatusCode;
use quorate_merkle::{Hash, verify_consistency};
use quorate_note::{LogKey, SignedCheckpoint, TlogProof};
use quorate_policy::{Policy, Verdict};
use quorate_witness::AddCheckpoint;
use serde_json::Value;

use super::testing::{Reply, Server, lines, reply, signers, vkey};
use super::{QuorumError, RemoteError};
use crate::node::NodeError;
use crate::testing::{Network, close, config};
use crate::{Mode, Node, Overrides};

/// A witness by the rules of tlog-witness, as far as an honest log can tell.
pub(super) struct Played {
    server: Server,
    up: Arc<AtomicBool>,
    /// What it answers instead, if anything.
    lie: Arc<Mutex<Option<Lie>>>,
    name: String,
    vkey: String,
}

#[derive(Clone, Copy)]
pub(super) enum Lie {
    Conflict(u64),
    OtherHistory,
}

impl Lie {
    fn reply(self) -> Reply {
        match self {
            Self::Conflict(size) => conflict(size),
            Self::OtherHistory => reply("422 Unprocessable", "", "another tree\n"),
        }
    }
}

fn conflict(size: u64) -> Reply {
    let kind = "content-type: text/x.tlog.size\r\n";
    reply("409 Conflict", kind, format!("{size}\n"))
}

type Keys = Arc<Mutex<Vec<LogKey>>>;

fn play(
    heads: &Mutex<HashMap<String, (u64, Hash)>>,
    request: &AddCheckpoint,
    keys: &Keys,
    seed: u8,
) -> Reply {
    let checkpoint = request.checkpoint().checkpoint_unverified();
    let Ok(verified) = request.checkpoint().verify_log(&keys.lock().unwrap()) else {
        return reply("404 Not Found", "", "not followed\n");
    };
    let mut heads = heads.lock().unwrap();
    let first = (0, Hash::EMPTY_ROOT);
    let last = heads
        .entry(checkpoint.origin().to_string())
        .or_insert(first);
    if last.0 != request.old() {
        return conflict(last.0);
    }
    let (size, root) = (checkpoint.size(), checkpoint.root());
    if verify_consistency(last.0, &last.1, size, root, request.proof()).is_err() {
        return reply("422 Unprocessable", "", "another tree\n");
    }
    *last = (size, *root);
    let signer = &signers(&format!("w{seed}.example"), seed)[0];
    lines(&[signer.cosign(&verified, 1_795_000_000).unwrap()])
}

impl Played {
    async fn start(seed: u8, keys: &Keys) -> Self {
        let (up, keys) = (Arc::new(AtomicBool::new(true)), Arc::clone(keys));
        let (on, heads) = (Arc::clone(&up), Mutex::default());
        let lie = Arc::<Mutex<Option<Lie>>>::default();
        let lies = Arc::clone(&lie);
        let server = Server::start(move |_, request| {
            if let Some(lie) = *lies.lock().unwrap() {
                lie.reply()
            } else if on.load(Ordering::SeqCst) {
                play(&heads, request, &keys, seed)
            } else {
                reply("503 Unavailable", "", "")
            }
        });
        Self {
            server: server.await,
            up,
            lie,
            name: format!("w{seed}"),
            vkey: vkey(&signers(&format!("w{seed}.example"), seed)[0]),
        }
    }

    pub(super) fn lies(&self, lie: Option<Lie>) {
        *self.lie.lock().unwrap() = lie;
    }

    pub(super) fn set_up(&self, up: bool) {
        self.up.store(up, Ordering::SeqCst);
    }
}

/// Three witnesses of which two are needed, and a node's directory.
pub(super) struct Rig {
    pub(super) dir: tempfile::TempDir,
    keys: Keys,
    pub(super) witnesses: Vec<Played>,
}

impl Rig {
    pub(super) async fn new() -> Self {
        let keys = Keys::default();
        let mut witnesses = Vec::new();
        for seed in [61, 62, 63] {
            witnesses.push(Played::start(seed, &keys).await);
        }
        let rig = Self {
            dir: tempfile::tempdir().unwrap(),
            keys,
            witnesses,
        };
        rig.write_policy(2, &rig.witnesses);
        rig
    }

    pub(super) fn write_policy(&self, k: usize, witnesses: &[Played]) {
        let mut text = String::new();
        let mut names = String::new();
        for w in witnesses {
            let address = w.server.address;
            text.push_str(&format!(
                "witness {} {} http://{address}/w\n",
                w.name, w.vkey
            ));
            names.push_str(&format!(" {}", w.name));
        }
        self.write(&format!("{text}group q {k}{names}\nquorum q\n"));
    }

    pub(super) fn write(&self, policy: &str) {
        std::fs::write(self.dir.path().join("policy"), policy).unwrap();
    }

    /// A node whose scroll A has one quorate receipt, closed again.
    pub(super) async fn with_history() -> Self {
        let rig = Self::new().await;
        let (node, network) = rig.open().await;
        network.post("/scrolls", r#"{"name":"A"}"#).await;
        rig.follow(&node, "A");
        assert_eq!(network.post(WAIT, RECEIPT).await.status, StatusCode::OK);
        close(node).await;
        rig
    }

    pub(super) async fn open(&self) -> (Node, Network) {
        let node = open(self.dir.path()).await.unwrap();
        let network = Network::new(&node);
        (node, network)
    }

    /// The witnesses follow this scroll.
    pub(super) fn follow(&self, node: &Node, scroll: &str) {
        let origin = node.inner.scroll(scroll).unwrap().spec().origin.clone();
        let keys = node.inner.log_keys(&origin, true);
        self.keys.lock().unwrap().extend(keys);
    }
}

async fn open(dir: &Path) -> Result<Node, NodeError> {
    open_as(dir, Mode::Online).await
}

async fn open_as(dir: &Path, mode: Mode) -> Result<Node, NodeError> {
    open_with(dir, mode, |_| ()).await
}

pub(super) async fn open_with(
    dir: &Path,
    mode: Mode,
    change: impl FnOnce(&mut crate::Config),
) -> Result<Node, NodeError> {
    let mut config = config(&dir.join("data"));
    config.policy = Some(dir.join("policy"));
    change(&mut config);
    tokio::task::spawn_blocking(move || Node::open(config, mode))
        .await
        .unwrap()
}

pub(super) async fn info(network: &Network) -> Value {
    network.get("/scrolls/A").await.json()
}

/// Asks until the scroll stands so; a machine may be slow, so there is no other limit than patience.
pub(super) async fn until(network: &Network, what: impl Fn(&Value) -> bool) -> Value {
    for _ in 0..6_000 {
        let info = info(network).await;
        if what(&info) {
            return info;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it never came to that: {}", info(network).await);
}

async fn verdict(network: &Network) -> Verdict {
    let policy = network.get("/scrolls/A/policy").await.body;
    let note = network.get("/scrolls/A/checkpoint").await.body;
    let policy = Policy::parse(&policy).unwrap();
    policy
        .verify(SignedCheckpoint::parse(&note).unwrap())
        .unwrap()
        .1
}

pub(super) const RECEIPT: &str = r#"{"type":"x"}"#;
pub(super) const WAIT: &str = "/scrolls/A/receipts?wait=quorate&timeout=60";

#[tokio::test(flavor = "multi_thread")]
async fn r1_a_head_is_shown_as_quorate_only_when_the_policy_that_is_served_says_so() {
    let rig = Rig::new().await;
    let (node, network) = rig.open().await;
    network.post("/scrolls", r#"{"name":"A"}"#).await;
    // Nobody follows the log yet: it is durable, and says so.
    let answer = network
        .post("/scrolls/A/receipts?wait=quorate&timeout=1", RECEIPT)
        .await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    assert_eq!(answer.json()["watermark"], "durable");
    assert_eq!(answer.json().get("proof"), None);
    let durable = info(&network).await;
    assert_eq!(durable["watermark"], "durable");
    let state = durable["witnessing"]["state"].as_str().unwrap();
    assert!(
        state.starts_with("durable, not quorate: 0 of 3 (2 needed), since 20"),
        "{state}"
    );
    assert_eq!(durable["witnessing"]["quorate"], Value::Null);
    let shown = network.get("/scrolls/A/checkpoint").await.body;
    assert_eq!(
        SignedCheckpoint::parse(&shown)
            .unwrap()
            .checkpoint_unverified()
            .size(),
        1
    );
    rig.follow(&node, "A");
    close(node).await;

    // A restart asks again at once.
    let (node, network) = rig.open().await;
    let answer = network.post(WAIT, RECEIPT).await;
    let answer_json = answer.json();
    assert_eq!(
        (answer.status, &answer_json["watermark"]),
        (StatusCode::OK, &"quorate".into())
    );
    let proof = TlogProof::parse(answer_json["proof"].as_str().unwrap().as_bytes()).unwrap();
    let policy = Policy::parse(&network.get("/scrolls/A/policy").await.body).unwrap();
    let (_, judged) = policy.verify(proof.checkpoint.clone()).unwrap();
    assert!(judged.quorum_met().is_some());
    let quorate = info(&network).await;
    assert_eq!(quorate["watermark"], "quorate");
    assert_eq!(quorate["witnessing"]["state"], "quorate");
    assert_eq!(quorate["witnessing"]["quorate"]["size"], 2);
    assert!(
        quorate["witnessing"]["quorate"]["witnesses"]
            .as_array()
            .unwrap()
            .len()
            >= 2
    );
    assert!(verdict(&network).await.quorum_met().is_some());

    // With two away, the durable watermark goes on and the quorate one stays.
    rig.witnesses[0].set_up(false);
    rig.witnesses[1].set_up(false);
    network
        .post("/scrolls/A/receipts?wait=checkpoint", RECEIPT)
        .await;
    let behind = until(&network, |i| i["witnessing"]["behind"]["has"] == 1).await;
    assert_eq!(behind["watermark"], "durable");
    assert_eq!(behind["checkpoint"]["size"], 3);
    assert_eq!(behind["witnessing"]["quorate"]["size"], 2);
    let shown = network.get("/scrolls/A/checkpoint").await.body;
    assert_eq!(
        SignedCheckpoint::parse(&shown)
            .unwrap()
            .checkpoint_unverified()
            .size(),
        2
    );
    // A proof is under the quorate head where that covers the entry.
    for (index, size) in [(0, 2), (1, 2), (2, 3)] {
        let proof = network
            .get(&format!("/scrolls/A/proof?index={index}"))
            .await
            .body;
        let proof = TlogProof::parse(&proof).unwrap();
        assert_eq!(proof.checkpoint.checkpoint_unverified().size(), size);
    }
    // One comes back: quorate again, without anybody appending.
    rig.witnesses[0].set_up(true);
    let again = until(&network, |i| i["watermark"] == "quorate").await;
    assert_eq!(again["witnessing"]["quorate"]["size"], 3);
    assert_eq!(again["witnessing"]["behind"], Value::Null);
    close(node).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r2_what_was_quorate_is_quorate_after_a_restart_if_the_policy_of_the_day_agrees() {
    let rig = Rig::new().await;
    let (node, network) = rig.open().await;
    network.post("/scrolls", r#"{"name":"A"}"#).await;
    rig.follow(&node, "A");
    // The third says nothing, so that only two co-sign.
    rig.witnesses[2].set_up(false);
    assert_eq!(network.post(WAIT, RECEIPT).await.status, StatusCode::OK);
    close(node).await;
    rig.witnesses.iter().for_each(|w| w.set_up(false));

    let (node, network) = rig.open().await;
    let stored = info(&network).await;
    assert_eq!(stored["watermark"], "quorate");
    assert_eq!(
        stored["witnessing"]["quorate"]["witnesses"],
        serde_json::json!(["w61", "w62"])
    );
    assert!(verdict(&network).await.quorum_met().is_some());
    close(node).await;

    // So it is for a process that only reads, and what it gives satisfies the policy that it gives.
    let node = open_as(rig.dir.path(), Mode::Offline).await.unwrap();
    let network = Network::new(&node);
    assert_eq!(info(&network).await["watermark"], "quorate");
    assert!(verdict(&network).await.quorum_met().is_some());
    close(node).await;

    rig.write_policy(3, &rig.witnesses);
    let (node, network) = rig.open().await;
    let stricter = info(&network).await;
    assert_eq!(stricter["watermark"], "durable");
    assert_eq!(stricter["witnessing"]["quorate"], Value::Null);
    rig.witnesses.iter().for_each(|w| w.set_up(true));
    until(&network, |i| i["watermark"] == "quorate").await;
    close(node).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_for_a_quorum_is_refused_before_anything_is_appended() {
    let rig = Rig::new().await;
    let (node, network) = rig.open().await;
    network.post("/scrolls", r#"{"name":"A"}"#).await;
    for (query, kind, body) in [
        ("wait=quorate&timeout=0", "application/json", RECEIPT),
        ("wait=quorate&timeout=61", "application/json", RECEIPT),
        ("wait=quorate&timeout=x", "application/json", RECEIPT),
        ("wait=checkpoint&timeout=5", "application/json", RECEIPT),
        ("timeout=5", "application/json", RECEIPT),
        ("wait=quorum", "application/json", RECEIPT),
        ("wait=quorate", "application/json", "[{\"type\":\"x\"}]"),
        ("wait=quorate", "application/x-ndjson", "{\"type\":\"x\"}\n"),
    ] {
        let path = format!("/scrolls/A/receipts?{query}");
        let answer = network.call("POST", &path, kind, body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query} {body}");
    }
    assert_eq!(info(&network).await["size"], 0);
    close(node).await;
    rig.write("quorum none\n");
    let (node, network) = rig.open().await;
    let answer = network.post(WAIT, RECEIPT).await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    let unwitnessed = info(&network).await;
    assert_eq!(
        (&unwitnessed["size"], &unwitnessed["witnessing"]),
        (&0.into(), &"unwitnessed".into())
    );
    close(node).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r3_a_policy_that_cannot_work_stops_the_start_before_anything_is_made() {
    let dir = tempfile::tempdir().unwrap();
    let policy = dir.path().join("policy");
    let refused = async || open(dir.path()).await.unwrap_err();
    assert!(matches!(
        refused().await,
        NodeError::Quorum(QuorumError::Read { .. })
    ));
    std::fs::write(&policy, "quorum nobody\n").unwrap();
    assert!(matches!(
        refused().await,
        NodeError::Quorum(QuorumError::Policy { .. })
    ));
    let key = vkey(&signers("w.example", 1)[0]);
    std::fs::write(
        &policy,
        format!("witness w {key} http://w.example\nquorum w\n"),
    )
    .unwrap();
    let plain = refused().await;
    assert!(matches!(
        plain,
        NodeError::Quorum(QuorumError::Remote(RemoteError::Plain { .. }))
    ));
    assert!(!dir.path().join("data").exists());
}

/// Without it the node would sign, and nobody would be asked what was signed before.
#[tokio::test(flavor = "multi_thread")]
async fn r3_a_policy_that_was_there_cannot_just_be_left_out() {
    let rig = Rig::with_history().await;
    let (dir, none) = (rig.dir.path(), |config: &mut crate::Config| {
        config.policy = None;
    });
    let refused = open_with(dir, Mode::Online, none).await.unwrap_err();
    assert!(
        matches!(refused, NodeError::Quorum(QuorumError::Forgotten)),
        "{refused}"
    );
    // A process that only reads shows what was quorate under it.
    let node = open_with(dir, Mode::Offline, none).await.unwrap();
    let read = info(&Network::new(&node)).await;
    assert_eq!(read["watermark"], "quorate");
    assert_eq!(
        read["witnessing"]["signing"],
        "no: this process signs nothing"
    );
    close(node).await;
    // It can be given up on purpose, and that holds too.
    rig.write("quorum none\n");
    let (node, _) = rig.open().await;
    close(node).await;
    let node = open_with(dir, Mode::Online, none).await.unwrap();
    assert_eq!(
        info(&Network::new(&node)).await["witnessing"],
        "unwitnessed"
    );
    close(node).await;
}

/// To whoever remembers heads, a smaller one is a rollback.
#[tokio::test(flavor = "multi_thread")]
async fn the_head_that_is_shown_never_gets_smaller() {
    let rig = Rig::new().await;
    let (node, network) = rig.open().await;
    network.post("/scrolls", r#"{"name":"A"}"#).await;
    let shown = async || {
        let note = network.get("/scrolls/A/checkpoint").await.body;
        let note = SignedCheckpoint::parse(&note).unwrap();
        note.checkpoint_unverified().size()
    };
    network
        .post("/scrolls/A/receipts?wait=checkpoint", RECEIPT)
        .await;
    assert_eq!(shown().await, 1);
    let scroll = node.inner.scroll("A").unwrap();
    let later = scroll.checkpoints().newest();
    *scroll.shown.lock().unwrap() = later.map(|p| {
        let mut larger = (*p).clone();
        larger.size = 2;
        Arc::new(larger)
    });
    rig.follow(&node, "A");
    until(&network, |i| i["witnessing"]["quorate"]["size"] == 1).await;
    assert_eq!(
        scroll.shown().unwrap().size,
        2,
        "until a quorate head is as large"
    );
    assert_eq!(network.post(WAIT, RECEIPT).await.status, StatusCode::OK);
    assert_eq!(shown().await, 2);
    drop(scroll);
    close(node).await;
}

/// Whoever checks what is shown has the keys of today.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_retired_key_signed_is_not_shown_as_quorate() {
    let rig = Rig::with_history().await;
    let (node, network) = rig.open().await;
    until(&network, |i| i["watermark"] == "quorate").await;
    rig.witnesses.iter().for_each(|w| w.set_up(false));
    for change in [r#"{"role":"log"}"#, r#"{"role":"log","retire":true}"#] {
        assert_eq!(
            network.post("/keys/rotate", change).await.status,
            StatusCode::OK
        );
    }
    until(&network, |i| i["witnessing"]["quorate"] == Value::Null).await;
    rig.follow(&node, "A");
    rig.witnesses.iter().for_each(|w| w.set_up(true));
    until(&network, |i| i["watermark"] == "quorate").await;
    assert!(verdict(&network).await.quorum_met().is_some());
    close(node).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_whose_policy_lists_its_own_witness_does_not_start() {
    let dir = tempfile::tempdir().unwrap();
    let seed = dir.path().join("seed");
    std::fs::write(&seed, format!("{}\n", "07".repeat(32))).unwrap();
    std::fs::set_permissions(&seed, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let key = vkey(&signers("any.name", 7)[0]);
    let policy = dir.path().join("policy");
    std::fs::write(
        &policy,
        format!("witness me {key} http://127.0.0.1:9\nquorum me\n"),
    )
    .unwrap();
    let overrides = Overrides {
        data_dir: Some(dir.path().join("data")),
        witness: Some(crate::WitnessOverrides {
            name: Some("w.example".to_owned()),
            seed_files: vec![seed],
            ..crate::WitnessOverrides::default()
        }),
        policy: Some(policy),
        listen: Some(([127, 0, 0, 1], 0).into()),
        ..Overrides::default()
    };
    let config = crate::Config::load(None, overrides).unwrap();
    let opened = tokio::task::spawn_blocking(move || Node::open(config, Mode::Online));
    let error = opened.await.unwrap().unwrap_err();
    assert!(
        matches!(&error, NodeError::Quorum(QuorumError::Own { name }) if name == "me"),
        "{error}"
    );
}
