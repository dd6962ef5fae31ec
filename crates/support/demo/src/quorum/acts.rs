//! The acts: what is attacked, with what, and what has to come of it.

use std::fmt::Write as _;

use quorate_cli::text::{Fields, Table, middle};
use quorate_note::{LogKey, SignedCheckpoint, TlogProof, VerifierKey, WitnessKey};
use quorate_witness::Equivocation;
use serde_json::Value;

use super::DOMAINS;
use super::scene::{AUDITOR, JOURNAL, POLICY, SCROLL, Scene, key_name, number, seed_file, text};
use crate::attacker::{Fork, REWRITTEN, stolen};
use crate::failure::{Failure, Result, promise};
use crate::process;

/// The log's key, where a thief of its disk finds it.
const LOG_KEY: &str = "node/keys/log-0-ed25519.seed";

/// Witnesses, node, policy; the first entries; one of them proved and verified.
pub(super) fn set_up(scene: &mut Scene<'_>, lines: &str) -> Result<()> {
    let (place, screen) = (scene.place, scene.screen);
    screen.act(0, "Set up")?;
    scene.start_witnesses()?;
    scene.start_node(&[])?;
    place.done("node", &["log", "create", SCROLL])?;
    let shown = scene.info()?;
    text(&shown, "/origin").clone_into(&mut scene.origin);

    // Every log of the node, its own records included, as one list for the witnesses' operators.
    let all = place.json("node", &["log", "list"])?;
    let mut list = "logs/v0\n".to_owned();
    for scroll in all["scrolls"].as_array().into_iter().flatten() {
        for vkey in scroll["vkeys"].as_array().into_iter().flatten() {
            let _ = writeln!(list, "vkey {}", vkey.as_str().unwrap_or_default());
        }
    }
    place.write("logs.list", list)?;
    for domain in &DOMAINS {
        place.done(domain.name, &["witness", "import", "logs.list"])?;
    }

    let mut words: Vec<String> = ["policy", "new", "--k", "2", "-o", POLICY]
        .map(str::to_owned)
        .to_vec();
    let mut labels = "accept_single = [\"operator\"]\n".to_owned();
    let mut table = Table::new(&["", "listens on", "region", "cloud", "key in"]);
    for witness in &scene.witnesses {
        let (domain, address) = (witness.domain, &witness.address);
        words.push("--witness".to_owned());
        words.push(format!("{}={}@http://{address}", domain.name, witness.vkey));
        let _ = write!(
            labels,
            "[witness.{}]\noperator = \"acme\"\nregion = \"{}\"\ncloud = \"{}\"\naccount = \"{}\"\nkey_store = \"{}\"\n",
            domain.name, domain.region, domain.cloud, domain.account, domain.key_store
        );
        table.push(&[
            domain.name,
            address,
            domain.region,
            domain.cloud,
            domain.key_store,
        ]);
        scene.note(&format!("witness {} listens on {address}", domain.name))?;
    }
    place.write(&format!("{POLICY}.domains.toml"), labels)?;
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    place.done("nowhere", &words)?;
    let checked = place.run("nowhere", &["policy", "check", POLICY])?;
    promise(
        "no region, cloud, account or key store alone can forge the quorum",
        checked.code == Some(0),
        &checked.stderr,
    )?;
    scene.stop_node();
    scene.start_node(&["--policy", POLICY])?;
    table.push(&["the log", scene.node_address(), "", "", ""]);
    screen.table(&table)?;
    screen.gap()?;
    screen.command(&format!("quorate policy check {POLICY}"))?;
    let rows = checked
        .stdout
        .lines()
        .skip_while(|l| !l.starts_with("domain "));
    let rows: Vec<&str> = rows.take_while(|l| !l.contains(':')).collect();
    screen.quote(&rows.join("\n"))?;
    screen.say("One operator runs all of it: that is accepted, and what this shows.")?;
    screen.gap()?;

    scene.note(&format!("the log listens on {}", scene.node_address()))?;
    place.write(JOURNAL, format!("{}{lines}", place.read(JOURNAL)?))?;
    let appended = ["append", "--scroll", SCROLL, "--raw", JOURNAL];
    screen.command(&format!("quorate {}", appended.join(" ")))?;
    place.done("node", &appended)?;
    let last = scene.record_quorate("this line is answered when it is quorate")?;
    let index = number(&last, "/index")?;
    let info = scene.until("it stays quorate", |i| i["watermark"] == "quorate")?;
    let fields = Fields::new()
        .row("entries", format!("{}, lines of this run", index + 1))
        .row("state", text(&info, "/witnessing/state"))
        .row(
            "head",
            middle(text(&info, "/witnessing/quorate/head_hash"), 48),
        );
    screen.fields(&fields)?;
    screen.gap()?;
    place.done("node", &["policy", "show", SCROLL, "-o", AUDITOR])?;
    keep_receipt(scene, "first", &last)?;
    verified(scene, "first", "a quorate entry verifies offline")?;
    screen.held(
        "an auditor",
        "verifies it with three files, and asks nobody",
    )
}

/// A receipt as an auditor keeps it: proof and entry.
fn keep_receipt(scene: &Scene<'_>, name: &str, answer: &Value) -> Result<()> {
    let index = number(answer, "/index")?.to_string();
    let (proof, entry) = (format!("{name}.tlog-proof"), format!("{name}.entry"));
    scene.place.write(&proof, text(answer, "/proof"))?;
    let words = ["log", "get", SCROLL, &index, "-o", &entry];
    scene.place.done("node", &words).map(drop)
}

/// The log's disk is set back to a snapshot. How many entries the snapshot has.
pub(super) fn rewind(scene: &mut Scene<'_>) -> Result<u64> {
    let (place, screen) = (scene.place, scene.screen);
    screen.act(1, "The log's disk is rewound to a snapshot")?;
    scene.stop_node();
    process::copy(&place.path("node"), &place.path("snapshot"))?;
    scene.start_node(&["--policy", POLICY])?;
    let first = scene.record_quorate("a copy of the log's disk was taken")?;
    let snapshot = number(&first, "/index")?;
    let last = scene.record_quorate("the log went on after the copy")?;
    let size = number(&last, "/index")? + 1;
    screen.say(&format!(
        "A copy of its directory has {snapshot} entries; the log went on to {size}. Now the copy is in its place, and it starts."
    ))?;

    scene.stop_node();
    scene.rename("node", "newest")?;
    scene.rename("snapshot", "node")?;
    scene.start_node(&["--policy", POLICY])?;
    scene.until("a node that was set back refuses to sign", |i| {
        i["witnessing"]["signing"] == "no"
    })?;
    let (status, answer) = scene.record("what the thief would have signed", 1)?;
    promise(
        "a node that was set back publishes nothing new",
        status == 202 && text(&answer, "/watermark") == "durable",
        &answer,
    )?;
    let signed = number(&scene.info()?, "/checkpoint/size")?;
    promise("its newest head is the old one", signed == snapshot, signed)?;
    let health = crate::http::call(scene.node_address(), "GET", "/healthz", "", b"")?;
    promise("it is not healthy", health.status == 503, &health.body)?;
    screen.command(&format!("curl http://{}/healthz", scene.node_address()))?;
    screen.quote(&health.body)?;
    screen.held(
        "the node",
        "refuses to sign anything new: a witness remembers more than it does",
    )?;

    screen.say("The operator puts the newest copy back.")?;
    scene.stop_node();
    scene.rename("node", "rewound")?;
    scene.rename("newest", "node")?;
    scene.start_node(&["--policy", POLICY])?;
    let again = scene.record_quorate("the newest copy of the disk is back")?;
    let size = number(&again, "/index")? + 1;
    screen.held("the node", &format!("signs again: {size} entries, quorate"))?;
    Ok(snapshot)
}

/// The log as its thief has it: a key, the record, and another history from the snapshot on.
fn forked(scene: &Scene<'_>, key: &str, kept: u64) -> Result<Fork> {
    let record = scene.place.done("node", &["log", "export", SCROLL])?;
    let kept = usize::try_from(kept).map_err(Failure::tools)?;
    Fork::new(&scene.origin, &scene.place.path(key), &record, kept)
}

/// Writes `NAME.tlog-proof` and `NAME.entry` for the entry that was rewritten.
fn forge(
    scene: &Scene<'_>,
    fork: &Fork,
    index: u64,
    name: &str,
    head: SignedCheckpoint,
) -> Result<()> {
    let entry = fork.entry(index)?;
    scene.place.write(&format!("{name}.entry"), entry)?;
    let proof = fork.proof(index, head)?;
    scene.place.write(&format!("{name}.tlog-proof"), proof)
}

/// The log's own key signs another history, and every witness is asked in every way there is.
pub(super) fn fork(scene: &mut Scene<'_>, snapshot: u64) -> Result<()> {
    let (place, screen) = (scene.place, scene.screen);
    screen.act(2, "The log is forked, with its own key")?;
    let mut fork = forked(scene, LOG_KEY, snapshot)?;
    let size = fork.size();
    fork.grow()?;
    screen.say(&format!(
        "The thief has the log's key and disk, keeps {snapshot} entries and rewrites the rest: \"{REWRITTEN}\". Signed correctly, it goes to each witness as"
    ))?;
    let same = fork.head(size, &[])?;
    let longer = fork.head(size + 1, &[])?;
    let attempts = [
        ("what follows the snapshot", snapshot, same.clone(), 409),
        ("what follows the head you co-signed", size, longer, 422),
        ("the head you co-signed itself", size, same, 422),
    ];
    let mut table = Table::new(&["", "aws-use1", "gcp-euw1", "fly-iad"]);
    let mut said = String::new();
    for (what, old, head, expected) in attempts {
        let request = fork.request(old, head)?;
        let mut row = vec![what.to_owned()];
        for witness in &scene.witnesses {
            let answer = scene.ask(witness, &request)?;
            promise(
                "no witness co-signs a fork",
                answer.status == expected,
                format!("{}: {} {}", witness.domain.name, answer.status, answer.body),
            )?;
            row.push(answer.status.to_string());
            said = answer.body;
        }
        table.push(&row.iter().map(String::as_str).collect::<Vec<_>>());
    }
    screen.table(&table)?;
    screen.quote(&format!("\"{}\"", said.trim()))?;
    for witness in &scene.witnesses {
        let file = format!("{}.evidence", witness.domain.name);
        evidence(scene, witness.domain.name, &file, &fork.key()?)?;
    }
    screen.held(
        "3 witnesses",
        "refuse; each keeps both heads as evidence, which needs only the log's key to check",
    )?;

    let head = fork.head(size, &[])?;
    forge(scene, &fork, snapshot, "fork-0", head)?;
    refused(
        scene,
        "fork-0",
        "not quorate",
        "without a co-signature it is refused: 0 of 2",
    )?;
    promise(
        "the log grew on meanwhile",
        place.json("node", &["log", "show", SCROLL])?["watermark"] == "quorate",
        "it is not quorate",
    )
}

/// Exports the evidence that a witness keeps and checks it with the log's key and nothing else.
fn evidence(scene: &Scene<'_>, data: &str, file: &str, key: &LogKey) -> Result<()> {
    let list = scene.place.json(data, &["witness", "evidence"])?;
    let id = text(&list, "/0/id");
    promise(
        "a witness that saw two heads keeps both",
        !id.is_empty(),
        &list,
    )?;
    scene
        .place
        .done(data, &["witness", "evidence", id, "-o", file])?;
    let bytes = scene.place.read(file)?;
    let checked = Equivocation::verify(bytes.as_bytes(), std::slice::from_ref(key));
    let seen = checked.as_ref().err().map(ToString::to_string);
    promise(
        "the evidence proves it",
        checked.is_ok(),
        seen.unwrap_or_default(),
    )
}

/// The auditor verifies a receipt, and it has to be refused for this reason.
fn refused(scene: &Scene<'_>, name: &str, reason: &str, why: &str) -> Result<()> {
    let said = scene.verify(name)?;
    let holds = said.code == Some(1) && said.stderr.contains(reason);
    let seen = format!("{}{}", said.stdout, said.stderr);
    promise("a fork without a quorum is refused", holds, seen)?;
    let (_, reason) = said.stderr.split_once("why:").unwrap_or_default();
    let (reason, _) = reason.split_once("hint:").unwrap_or((reason, ""));
    let words: Vec<&str> = reason.split_whitespace().collect();
    scene.screen.quote(&words.join(" "))?;
    scene.screen.held("an auditor", why)
}

/// The auditor verifies a receipt, and it has to be accepted.
fn verified(scene: &Scene<'_>, name: &str, promised: &str) -> Result<()> {
    let said = scene.verify(name)?;
    promise(promised, said.code == Some(0), &said.stderr)?;
    let telling = |line: &&str| {
        ["Proven", "Verdict", "  +", "    +", "    -"]
            .iter()
            .any(|p| line.starts_with(p))
    };
    let lines: Vec<&str> = said.stdout.lines().filter(telling).collect();
    scene.screen.quote(&lines.join("\n"))
}

/// k − 1 = 1 domain is in the wrong hands: its key is stolen, then it is silent.
pub(super) fn one_domain(scene: &mut Scene<'_>, snapshot: u64) -> Result<()> {
    let (place, screen) = (scene.place, scene.screen);
    screen.act(3, "One failure domain is taken, with the witness's key")?;
    let [aws, ..] = &DOMAINS;
    let thief = [stolen(&key_name(aws), &place.path(&seed_file(aws)))?];
    let fork = forked(scene, LOG_KEY, snapshot)?;
    let head = fork.head(fork.size(), &thief)?;
    forge(scene, &fork, snapshot, "fork-1", head)?;
    screen.say("The fork, with a true co-signature under aws-use1's name:")?;
    refused(scene, "fork-1", "not quorate", "refuses it: 1 of 2")?;

    scene.stop_witness(0);
    let answer = scene.record_quorate("aws-use1 is silent")?;
    let size = number(&answer, "/index")? + 1;
    screen.held(
        "the log",
        &format!("goes on while aws-use1 is silent: {size} entries, quorate"),
    )?;
    scene.start_witness(0)
}

/// k = 2 domains: silent first, then their keys.
pub(super) fn two_domains(scene: &mut Scene<'_>, snapshot: u64) -> Result<()> {
    let (place, screen) = (scene.place, scene.screen);
    screen.act(4, "Two failure domains are taken, with both keys")?;
    silence(scene)?;
    let honest = scene.record_quorate("everybody is back")?;
    keep_receipt(scene, "honest", &honest)?;

    let fork = forked(scene, LOG_KEY, snapshot)?;
    let size = fork.size();
    let thieves = || {
        DOMAINS
            .iter()
            .take(2)
            .map(|d| stolen(&key_name(d), &scene.place.path(&seed_file(d))))
            .collect::<Result<Vec<_>>>()
    };
    place.done(
        "nowhere",
        &[
            "key",
            "generate",
            "--name",
            "thief.example",
            "-o",
            "thief.seed",
        ],
    )?;
    let other = forked(scene, "thief.seed", snapshot)?;
    let head = other.head(size, &thieves()?)?;
    forge(scene, &other, snapshot, "foreign", head)?;
    refused(
        scene,
        "foreign",
        "log",
        "refuses what the log's key did not sign, both co-signatures or not",
    )?;

    let forged = fork.head(size, &thieves()?)?;
    forge(scene, &fork, snapshot, "fork-2", forged.clone())?;
    verified(
        scene,
        "fork-2",
        "k keys forge a quorum, and the documentation says so",
    )?;
    screen.fell(
        "an auditor",
        "accepts the fork: who holds 2 of 3 witnesses and the log's key is the quorum. It cannot stay hidden:",
    )?;

    caught_by_two_receipts(scene, &fork, &forged)?;

    let request = fork.request(size, forged)?;
    let Some(honest) = scene.witnesses.last() else {
        return Ok(());
    };
    let answer = scene.ask(honest, &request)?;
    promise(
        "the third witness refuses",
        answer.status == 422,
        &answer.body,
    )?;
    screen.held(
        honest.domain.name,
        "whose key nobody took: has another head of that size, and keeps both as evidence",
    )
}

/// Without two witnesses nothing becomes quorate, and nothing is lost.
fn silence(scene: &mut Scene<'_>) -> Result<()> {
    let screen = scene.screen;
    scene.stop_witness(0);
    scene.stop_witness(1);
    let line = scene.note("aws-use1 and gcp-euw1 are silent")?;
    let (status, answer) = scene.record(&line, 1)?;
    promise(
        "without a quorum nothing is called quorate",
        status == 202 && text(&answer, "/watermark") == "durable",
        &answer,
    )?;
    let behind = scene.until("it says how far it is", |i| {
        i["witnessing"]["behind"]["has"] == 1
    })?;
    screen.quote(text(&behind, "/witnessing/state"))?;
    screen.fell(
        "the log",
        "is no longer quorate while two are silent; it takes every line and says what it lacks",
    )?;
    scene.start_witness(0)?;
    scene.start_witness(1)?;
    let back = scene.until("it is quorate again by itself", |i| {
        i["watermark"] == "quorate"
    })?;
    let size = number(&back, "/witnessing/quorate/size")?;
    screen.held(
        "the log",
        &format!("is quorate again when they are back: {size} entries, none lost"),
    )
}

/// One domain is in the wrong hands, and an honest witness has not seen the newest heads: it cannot know that what it is
/// shown is a fork. Two quorums of 2 of 3 share one witness, and that one is the thief's.
pub(super) fn one_domain_and_a_late_witness(scene: &mut Scene<'_>) -> Result<()> {
    let (place, screen) = (scene.place, scene.screen);
    screen.act(
        5,
        "One failure domain is taken, and an honest witness was away",
    )?;
    let seen = number(&scene.info()?, "/size")?;
    scene.until("every witness is told of every head", |_| {
        let shown = place.json("fly-iad", &["witness", "show", &scene.origin]);
        shown.is_ok_and(|log| log["size"] == seen)
    })?;
    scene.stop_witness(2);
    scene.record_quorate("fly-iad is away")?;
    let honest = scene.record_quorate("fly-iad is still away")?;
    keep_receipt(scene, "honest", &honest)?;
    let mut fork = forked(scene, LOG_KEY, seen)?;
    let size = fork.size();
    screen.say(&format!(
        "fly-iad knows {seen} entries, the others co-signed {size}. The thief has the log and aws-use1's key, and reaches fly-iad first."
    ))?;
    scene.stop_node();
    scene.start_witness(2)?;

    let [aws, ..] = &DOMAINS;
    let thief = [stolen(&key_name(aws), &place.path(&seed_file(aws)))?];
    let request = fork.request(seen, fork.head(size, &[])?)?;
    let Some(late) = scene.witnesses.last() else {
        return Ok(());
    };
    let answer = scene.ask(late, &request)?;
    promise(
        "a witness co-signs what continues what it knows",
        answer.status == 200,
        &answer.body,
    )?;
    let forged = fork.with(fork.head(size, &thief)?, &answer.body)?;
    forge(scene, &fork, seen, "fork-3", forged.clone())?;
    verified(
        scene,
        "fork-3",
        "a quorum that shares only the thief's key with the true one forges",
    )?;
    screen.fell(
        "an auditor",
        "accepts it: one stolen key and one honest word from who did not know better. It cannot stay hidden:",
    )?;
    caught_by_two_receipts(scene, &fork, &forged)?;

    // Longer than the true log will be when it asks.
    (0..3).try_for_each(|_| fork.grow())?;
    let longer = fork.head(fork.size(), &thief)?;
    let request = fork.request(size, longer)?;
    let answer = scene.ask(late, &request)?;
    promise(
        "a witness co-signs what continues what it knows",
        answer.status == 200,
        &answer.body,
    )?;
    scene.start_node(&["--policy", POLICY])?;
    let line = scene.note("the log is back")?;
    // Quorate or not is a question of who answers first: fly-iad, or the two others.
    scene.record(&line, 1)?;
    let told = scene.until("the log hears of heads that it never signed", |i| {
        i["witnessing"]["signing"] == "no"
    })?;
    screen.quote(text(&told, "/witnessing/state"))?;
    screen.held(
        "the log",
        "hears from fly-iad of heads it never signed, and signs no more until its operator has looked",
    )?;

    let Some(robbed) = scene.witnesses.first() else {
        return Ok(());
    };
    let answer = scene.ask(robbed, &request)?;
    let shown = place.json(robbed.domain.name, &["witness", "show"])?;
    promise(
        "a witness that sees its own signature on what it never signed halts the log",
        answer.status == 503 && text(&shown, "/halted/0") == scene.origin,
        format!("{} {shown}", answer.body),
    )?;
    screen.held(
        robbed.domain.name,
        "who was robbed: shown its own signature under a head it never saw, it halts the log and tells its operator",
    )
}

/// Two receipts of one log, each quorate, are evidence against it, and name the keys that signed both.
fn caught_by_two_receipts(scene: &Scene<'_>, fork: &Fork, forged: &SignedCheckpoint) -> Result<()> {
    let proof = scene.place.read("honest.tlog-proof")?;
    let honest = TlogProof::parse(proof.as_bytes()).map_err(Failure::tools)?;
    let key = [fork.key()?];
    let heads = [&honest.checkpoint, forged].map(|head| head.verify_log(&key));
    let [first, second] = heads;
    let (first, second) = (
        first.map_err(Failure::tools)?,
        second.map_err(Failure::tools)?,
    );
    let found = Equivocation::between(&first, &second);
    let seen = found.as_ref().err().map(ToString::to_string);
    promise(
        "two heads of one log contradict each other",
        found.is_ok(),
        seen.unwrap_or_default(),
    )?;
    let mut both = Vec::new();
    for witness in &scene.witnesses {
        let vkey: VerifierKey = witness.vkey.parse().map_err(Failure::tools)?;
        let key = [WitnessKey::try_from(vkey).map_err(Failure::tools)?];
        let signed = |head: &quorate_note::VerifiedCheckpoint| {
            head.cosignatures(&key).is_ok_and(|found| !found.is_empty())
        };
        if signed(&first) && signed(&second) {
            both.push(witness.domain.name);
        }
    }
    // Two quorums of 2 of 3 share a witness, and one whose key nobody has contradicts itself never.
    let among = both.iter().all(|name| *name != "fly-iad") && !both.is_empty();
    promise(
        "keys that signed both are among the stolen ones",
        among,
        both.join(", "),
    )?;
    scene.screen.held(
        "two auditors",
        &format!(
            "who compare receipts: the log signed two histories, and so did {}. Proof for anyone, from two files",
            both.join(" and ")
        ),
    )
}
