//! Copies on several machines: made, counted, damaged, lied about, and repaired.

use std::fs;
use std::os::unix::fs::FileExt as _;

use serde_json::Value;

use crate::process::{Publisher, Scene, noise, ran};

/// Machines that serve, each added on each other.
struct Machines {
    scene: Scene,
    serving: Vec<(&'static str, Option<Publisher>)>,
}

impl Machines {
    fn new(names: &[&'static str]) -> Self {
        let scene = Scene::new();
        let serving: Vec<_> = names
            .iter()
            .map(|name| (*name, Some(scene.keep(name, &["--bind", "127.0.0.1:0"]))))
            .collect();
        let machines = Self { scene, serving };
        for (name, _) in &machines.serving {
            for (other, peer) in machines.peers() {
                if other != *name {
                    let (code, answer, error) = machines.replicas(name, &["add", &peer]);
                    assert_eq!(code, 0, "{answer} {error}");
                }
            }
        }
        machines
    }

    fn peers(&self) -> Vec<(&'static str, String)> {
        let serving = self.serving.iter();
        serving
            .map(|(name, p)| (*name, p.as_ref().unwrap().peer.clone().unwrap()))
            .collect()
    }

    fn replicas(&self, name: &str, args: &[&str]) -> (i32, Value, String) {
        self.scene.replicas(name, args)
    }

    /// A file that the machine publishes while it serves.
    fn publish(&self, name: &str, bytes: &[u8]) -> String {
        let file = self.scene.path("file");
        fs::write(&file, bytes).unwrap();
        let mut command = self.scene.quorate(name);
        command.args(["bundle", "publish"]).arg(&file);
        let (code, answer, error) = ran(command);
        assert_eq!(code, 0, "{error}");
        fs::remove_file(file).unwrap();
        answer["blake3_hash"].as_str().unwrap().to_owned()
    }

    fn kill(&mut self, name: &str) {
        let found = self.serving.iter_mut().find(|(n, _)| *n == name).unwrap();
        found.1.take().unwrap().kill();
    }

    fn start(&mut self, name: &'static str) {
        let started = self.scene.keep(name, &[]);
        let found = self.serving.iter_mut().find(|(n, _)| *n == name).unwrap();
        found.1 = Some(started);
    }
}

/// States of the copies of the only file: this machine's first, the others' sorted.
fn states(answer: &Value) -> Vec<String> {
    let copies = answer["files"][0]["copies"].as_array().unwrap();
    let mut states = copies
        .iter()
        .map(|c| c["state"].as_str().unwrap().to_owned());
    let own = states.next().unwrap();
    let mut others: Vec<String> = states.collect();
    others.sort();
    [vec![own], others].concat()
}

#[test]
fn copies_are_made_until_there_are_as_many_as_are_wanted() {
    let machines = Machines::new(&["a", "b", "c"]);
    let bytes = noise(1_000_000);
    let hash = machines.publish("a", &bytes);

    let (code, answer, error) = machines.replicas("a", &["audit"]);
    assert_eq!((code, error.as_str()), (1, "too-few-copies"), "{answer}");
    assert_eq!(states(&answer), ["good", "missing", "missing"]);
    assert_eq!(answer["files"][0]["wanted"], 3, "one on every machine");
    assert_eq!(answer["met"], false);

    let (code, answer, error) = machines.replicas("a", &["repair"]);
    assert_eq!((code, error.as_str()), (0, ""), "{answer}");
    assert_eq!(states(&answer), ["good", "good", "good"]);
    for name in ["b", "c"] {
        assert_eq!(fs::read(machines.scene.copy(name, &hash)).unwrap(), bytes);
        let (_, status, _) = machines.replicas(name, &["status"]);
        assert_eq!(status["held"][0]["blake3_hash"], hash.as_str());
        assert_eq!(status["held"][0]["octets"], 1_000_000);
        assert_eq!(status["published"], Value::Array(Vec::new()));
    }
    let (code, answer, _) = machines.replicas("a", &["audit", "--samples", "8"]);
    assert_eq!(code, 0, "{answer}");
    let copies = &answer["files"][0]["copies"];
    assert_eq!(copies[0]["verified_octets"], 1_000_000, "read in full");
    let proven = copies[1]["verified_octets"].as_u64().unwrap();
    assert!(
        (7 << 14..=8 << 14).contains(&proven),
        "{proven} by 8 pieces"
    );
    let (_, answer, _) = machines.replicas("a", &["repair", "--full"]);
    assert_eq!(
        answer["files"][0]["copies"][1]["verified_octets"],
        1_000_000
    );
    assert_eq!(
        answer["files"][0]["copies"][1]["repaired_octets"], 0,
        "nothing moves twice"
    );

    let (_, status, _) = machines.replicas("a", &["status"]);
    assert_eq!(status["last_audit"], answer);
    // What is kept elsewhere can be fetched from there, when this machine is gone.
    let (_, status, _) = machines.replicas("b", &["status"]);
    let ticket = status["held"][0]["node_ticket"].as_str().unwrap();
    let (_, answer, error) = ran(machines.scene.fetch(ticket, &hash, &[]));
    assert_eq!(error, "bundle-malformed", "noise is no bundle");
    assert_eq!(answer["transport"]["octets"], 1_000_000);
}

#[test]
fn no_more_copies_are_made_than_are_wanted() {
    let machines = Machines::new(&["a", "b", "c"]);
    let peer = machines.peers()[1].1.clone();
    let (code, status, _) = machines.replicas("a", &["add", &peer, "--copies", "2"]);
    assert_eq!((code, &status["wanted"]), (0, &Value::from(2)));
    machines.publish("a", &noise(100_000));
    let (code, answer, _) = machines.replicas("a", &["repair"]);
    assert_eq!(code, 0, "{answer}");
    assert_eq!(states(&answer), ["good", "good", "missing"]);
}

#[test]
fn a_holder_that_is_gone_raises_the_alarm_until_it_is_back() {
    let mut machines = Machines::new(&["a", "b"]);
    machines.publish("a", &noise(100_000));
    assert_eq!(machines.replicas("a", &["repair"]).0, 0);
    machines.kill("b");
    let (code, answer, error) = machines.replicas("a", &["audit"]);
    assert_eq!((code, error.as_str()), (1, "too-few-copies"));
    assert_eq!(states(&answer), ["good", "unreachable"]);
    let (code, answer, _) = machines.replicas("a", &["repair"]);
    assert_eq!(code, 1, "what cannot be reached cannot be repaired");
    assert_eq!(states(&answer), ["good", "unreachable"]);
    machines.start("b");
    let (code, answer, _) = machines.replicas("a", &["audit"]);
    assert_eq!(code, 0, "{answer}");
}

/// Damages the copy of `name` while nobody serves there; what an audit and a repair on `a` say, and what is left.
fn damaged(name: &'static str, change: impl Fn(&fs::File), expected: &[&str]) {
    let mut machines = Machines::new(&["a", "b"]);
    let bytes = noise(3_000_000);
    let hash = machines.publish("a", &bytes);
    assert_eq!(machines.replicas("a", &["repair"]).0, 0);
    machines.kill(name);
    let copy = machines.scene.copy(name, &hash);
    change(&fs::File::options().write(true).open(&copy).unwrap());
    machines.start(name);
    let (code, answer, error) = machines.replicas("a", &["audit", "--full"]);
    assert_eq!((code, error.as_str()), (1, "too-few-copies"), "{answer}");
    // What was cut off cannot surely be told from what was never there: a reset may overtake the size.
    let found = states(&answer).join(" ");
    assert!(expected.contains(&found.as_str()), "{found}");
    let (code, answer, error) = machines.replicas("a", &["repair", "--full"]);
    assert_eq!((code, error.as_str()), (0, ""), "{answer}");
    assert_eq!(states(&answer), ["good", "good"]);
    assert_eq!(fs::read(copy).unwrap(), bytes);
    let left = machines.scene.path(name).join("replicas/mending");
    let left = fs::read_dir(left).unwrap().count();
    assert_eq!(left, 0, "what mended is not kept twice");
    let (_, answer, _) = machines.replicas("a", &["repair", "--full"]);
    for copy in answer["files"][0]["copies"].as_array().unwrap() {
        assert_eq!(copy["repaired_octets"], 0);
    }
}

#[test]
fn a_corrupted_replica_is_found_and_repaired() {
    let change = |copy: &fs::File| copy.write_all_at(b"?", 1_500_000).unwrap();
    damaged("b", change, &["good damaged"]);
}

#[test]
fn a_truncated_replica_is_found_and_repaired() {
    damaged(
        "b",
        |copy| copy.set_len(2_000_000).unwrap(),
        &["good missing", "good damaged"],
    );
}

#[test]
fn a_replica_cut_to_nothing_is_found_and_repaired() {
    damaged(
        "b",
        |copy| copy.set_len(0).unwrap(),
        &["good missing", "good damaged"],
    );
}

#[test]
fn ones_own_corrupted_copy_is_found_and_repaired_from_a_replica() {
    let change = |copy: &fs::File| copy.write_all_at(b"?", 1_500_000).unwrap();
    damaged("a", change, &["damaged good"]);
}

#[test]
fn ones_own_truncated_copy_is_found_and_repaired_from_a_replica() {
    damaged("a", |copy| copy.set_len(10).unwrap(), &["damaged good"]);
}

#[test]
fn a_replica_whose_file_is_gone_is_made_again() {
    for name in ["a", "b"] {
        let mut machines = Machines::new(&["a", "b"]);
        let bytes = noise(300_000);
        let hash = machines.publish("a", &bytes);
        assert_eq!(machines.replicas("a", &["repair"]).0, 0);
        machines.kill(name);
        let copy = machines.scene.copy(name, &hash);
        fs::remove_file(&copy).unwrap();
        machines.start(name);
        let (code, answer, _) = machines.replicas("a", &["audit"]);
        assert_eq!(code, 1, "{answer}");
        let (code, answer, error) = machines.replicas("a", &["repair"]);
        assert_eq!(code, 0, "{name}: {answer} {error}");
        assert_eq!(fs::read(copy).unwrap(), bytes);
    }
}

#[test]
fn a_damaged_tree_is_found_and_repaired() {
    for name in ["a", "b"] {
        let mut machines = Machines::new(&["a", "b"]);
        let hash = machines.publish("a", &noise(3_000_000));
        assert_eq!(machines.replicas("a", &["repair"]).0, 0);
        machines.kill(name);
        let tree = machines.scene.copy(name, &hash).with_extension("obao4");
        let tree = fs::File::options().write(true).open(tree).unwrap();
        tree.write_all_at(b"????", 64).unwrap();
        machines.start(name);
        assert_eq!(machines.replicas("a", &["audit", "--full"]).0, 1);
        let (code, answer, _) = machines.replicas("a", &["repair", "--full"]);
        assert_eq!(code, 0, "{name}: {answer}");
    }
}

#[test]
fn without_a_good_copy_nothing_is_repaired_and_nothing_is_thrown_away() {
    let mut machines = Machines::new(&["a", "b"]);
    let mut bytes = noise(3_000_000);
    let hash = machines.publish("a", &bytes);
    assert_eq!(machines.replicas("a", &["repair"]).0, 0);
    bytes[1_500_000] = b'?';
    for name in ["a", "b"] {
        machines.kill(name);
        let copy = machines.scene.copy(name, &hash);
        let copy = fs::File::options().write(true).open(copy).unwrap();
        copy.write_all_at(b"?", 1_500_000).unwrap();
        machines.start(name);
    }
    let (code, answer, error) = machines.replicas("a", &["repair", "--full"]);
    assert_eq!((code, error.as_str()), (1, "too-few-copies"));
    assert_eq!(states(&answer), ["damaged", "damaged"]);
    for name in ["a", "b"] {
        let kept = fs::read(machines.scene.copy(name, &hash)).unwrap();
        assert!(kept == bytes, "most of it may be all that is left");
    }
}

#[test]
fn more_than_is_kept_for_a_machine_is_refused_before_a_download() {
    let machines = Machines::new(&["a", "b"]);
    let a = machines.peers()[0].1.clone();
    let (code, _, _) = machines.replicas("b", &["add", &a, "--max-bytes", "150000"]);
    assert_eq!(code, 0);
    let first = machines.publish("a", &noise(100_000));
    assert_eq!(machines.replicas("a", &["repair"]).0, 0);
    let second = machines.publish("a", &noise(100_001));
    let (code, answer, _) = machines.replicas("a", &["repair"]);
    assert_eq!(code, 1);
    let file = |hash: &str| {
        let files = answer["files"].as_array().unwrap();
        let found = files.iter().find(|f| f["blake3_hash"] == hash).unwrap();
        found["copies"][1].clone()
    };
    assert_eq!(file(&first)["state"], "good");
    assert_eq!(file(&second)["state"], "missing");
    let why = file(&second)["why"].as_str().unwrap().to_owned();
    assert!(why.contains("more bytes than that machine keeps"), "{why}");
    assert!(!machines.scene.copy("b", &second).exists());
}

#[test]
fn a_machine_that_was_removed_may_not_ask_any_more_and_what_it_left_stays() {
    let machines = Machines::new(&["a", "b"]);
    let first = machines.publish("a", &noise(100_000));
    assert_eq!(machines.replicas("a", &["repair"]).0, 0);
    let a = machines.peers()[0].1.clone();
    let (endpoint, _) = a.split_once('@').unwrap();
    assert_eq!(machines.replicas("b", &["remove", endpoint]).0, 0);
    let (code, _, error) = machines.replicas("b", &["remove", endpoint]);
    assert_eq!(
        (code, error.as_str()),
        (1, "peer"),
        "it is not known any more"
    );
    let second = machines.publish("a", &noise(100_001));
    let (code, answer, _) = machines.replicas("a", &["repair"]);
    assert_eq!(code, 1, "{answer}");
    let files = answer["files"].as_array().unwrap();
    let refused = files.iter().find(|f| f["blake3_hash"] == second.as_str());
    let why = &refused.unwrap()["copies"][1]["why"];
    assert_eq!(why, "this machine was not added on that one");
    assert!(machines.scene.copy("b", &first).exists());
    assert!(!machines.scene.copy("b", &second).exists());
}

#[test]
fn a_machine_is_no_peer_of_itself() {
    let machines = Machines::new(&["a"]);
    let a = machines.peers()[0].1.clone();
    let (code, _, error) = machines.replicas("a", &["add", &a]);
    assert_eq!((code, error.as_str()), (1, "peer"));
}

#[test]
fn machines_are_remembered_and_orders_need_no_process_that_serves() {
    let mut machines = Machines::new(&["a", "b"]);
    machines.publish("a", &noise(100_000));
    machines.kill("a");
    // The order itself serves while the other machine fetches.
    let (code, answer, error) = machines.replicas("a", &["repair"]);
    assert_eq!((code, error.as_str()), (0, ""), "{answer}");
    let (_, status, _) = machines.replicas("a", &["status"]);
    assert_eq!(status["peers"].as_array().unwrap().len(), 1);
    let peers = machines.scene.path("a/replicas/peers.json");
    let text = fs::read_to_string(&peers).unwrap();
    fs::write(&peers, text.replace("version", "versions")).unwrap();
    let (code, _, error) = machines.replicas("a", &["status"]);
    assert_eq!((code, error.as_str()), (1, "damaged"));
}

#[test]
fn a_store_that_is_gone_raises_the_alarm_and_is_filled_again() {
    for lost in ["blobs", "blobs/blobs.db", "blobs/data"] {
        let mut machines = Machines::new(&["a", "b"]);
        let hash = machines.publish("a", &noise(100_000));
        assert_eq!(machines.replicas("a", &["repair"]).0, 0);
        machines.kill("a");
        let path = machines.scene.path("a/replicas").join(lost);
        match path.is_dir() {
            true => fs::remove_dir_all(&path).unwrap(),
            false => fs::remove_file(&path).unwrap(),
        }
        let (code, answer, error) = machines.replicas("a", &["audit"]);
        assert_eq!(
            (code, error.as_str()),
            (1, "too-few-copies"),
            "{lost}: {answer}"
        );
        assert_eq!(states(&answer), ["missing", "good"]);
        let (code, answer, error) = machines.replicas("a", &["repair"]);
        assert_eq!((code, error.as_str()), (0, ""), "{lost}: {answer}");
        assert!(machines.scene.copy("a", &hash).exists());
    }
}

#[test]
fn where_nothing_was_published_an_audit_is_refused_and_makes_nothing() {
    let scene = Scene::new();
    for action in ["audit", "repair"] {
        let (code, _, error) = scene.replicas("other", &[action]);
        assert_eq!((code, error.as_str()), (1, "nothing-published"));
    }
    assert!(!scene.path("other").exists());
    // A machine that only keeps copies for others.
    let machines = Machines::new(&["a"]);
    let (code, _, error) = machines.replicas("a", &["audit"]);
    assert_eq!((code, error.as_str()), (1, "nothing-published"));
}

#[test]
fn a_file_published_twice_leaves_the_good_copy_where_it_is() {
    use std::os::unix::fs::MetadataExt as _;
    let mut machines = Machines::new(&["a"]);
    let bytes = noise(300_000);
    let hash = machines.publish("a", &bytes);
    let copy = machines.scene.copy("a", &hash);
    let before = fs::metadata(&copy).unwrap().ino();
    assert_eq!(machines.publish("a", &bytes), hash);
    assert_eq!(fs::metadata(&copy).unwrap().ino(), before);
    // And a damaged one is replaced.
    machines.kill("a");
    let file = fs::File::options().write(true).open(&copy).unwrap();
    file.write_all_at(b"?", 150_000).unwrap();
    machines.start("a");
    assert_eq!(machines.publish("a", &bytes), hash);
    assert_eq!(fs::read(&copy).unwrap(), bytes);
    assert_eq!(machines.replicas("a", &["audit"]).0, 0);
}

#[test]
fn audits_at_the_same_time_wait_for_each_other() {
    let machines = Machines::new(&["a", "b"]);
    machines.publish("a", &noise(100_000));
    assert_eq!(machines.replicas("a", &["repair"]).0, 0);
    let codes: Vec<i32> = std::thread::scope(|scope| {
        let audit = || machines.replicas("a", &["audit"]).0;
        let audits: Vec<_> = (0..8).map(|_| scope.spawn(audit)).collect();
        audits.into_iter().map(|a| a.join().unwrap()).collect()
    });
    assert_eq!(codes, [0; 8]);
}

#[test]
fn a_long_path_and_what_an_import_left_keep_nobody_from_serving() {
    let scene = Scene::new();
    let long = ["long"; 30].join("/");
    let left = scene.path(&long).join("replicas/blobs/temp");
    fs::create_dir_all(&left).unwrap();
    fs::write(left.join("x.temp"), noise(1000)).unwrap();
    let publisher = scene.publish(&long, &["bundle.json"]);
    assert_eq!(fs::read_dir(left).unwrap().count(), 0);
    let mut command = scene.quorate(&long);
    command
        .args(["bundle", "publish"])
        .arg(scene.path("anchor.json"));
    let (code, answer, error) = ran(command);
    assert_eq!((code, error.as_str()), (0, ""));
    assert_ne!(answer["node_ticket"], publisher.shown[0].1.as_str());
}
