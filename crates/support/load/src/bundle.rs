//! Bundles as an auditor verifies them: a whole session under a head with three co-signatures, by the program itself, from a
//! file.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use quorate_merkle::{LeafHashes, LeafRuns, leaf_hash, prove_runs, root_of_leaf_hashes};
use quorate_note::{
    Checkpoint, CosignSigner, KeyName, LogSigner, Origin, SignedCheckpoint, base64, ed25519,
};
use quorate_policy::Policy;
use quorate_provenance::{Attributes, Recorder, SourceClass, StepDraft};
use quorate_receipt::{Receipt, Timestamp};
use quorate_verify::anchor::Anchor;
use quorate_verify::bundle::{BundleVerifier, Head};

use crate::failure::{Doing, Failure, Result};
use crate::table::{Figure, thousands};

/// Runs inside this process, to leave the program's start out.
const ROUNDS: usize = 21;
/// 2026-11-20T00:00:00Z.
const TIME: i64 = 1_795_132_800;

/// What is verified.
struct Made {
    bundle: tempfile::TempPath,
    anchor: tempfile::TempPath,
    bytes: u64,
}

fn missing(error: &dyn std::fmt::Display) -> Failure {
    Failure::Missing(format!("no bundle to verify: {error}"))
}

fn time(second: u64) -> Result<Timestamp> {
    let offset = i64::try_from(second).map_err(|e| missing(&e))?;
    Timestamp::from_seconds(TIME + offset).ok_or_else(|| missing(&"a time"))
}

/// A closed session of so many steps, each of which derives from the one before.
fn receipts(steps: u64) -> Result<Vec<Receipt>> {
    let subject = "did:vm:agent:load".parse().map_err(|e| missing(&e))?;
    let key = ed25519::SecretKey::from_seed([7; 32]);
    let none = Attributes::new();
    let opened = Recorder::open(key, subject, &[1; 32], none, time(0)?);
    let (mut recorder, opening) = opened.map_err(|e| missing(&e))?;
    let mut receipts = vec![opening];
    let mut before = None;
    for n in 0..steps {
        let draft = StepDraft::tool_call("search")
            .source(SourceClass::Tool)
            .inline(format!(
                "result {n}: sixty-four bytes of what a tool could have answered"
            ))
            .parents(before);
        let step = recorder.step(draft, time(n)?).map_err(|e| missing(&e))?;
        before = Some(*step.root_hash());
        receipts.push(step);
    }
    let closing = recorder.close(None, time(steps)?);
    receipts.push(closing.map_err(|e| missing(&e))?);
    Ok(receipts)
}

fn make(work: &Path, steps: u64) -> Result<Made> {
    let receipts = receipts(steps)?;
    let leaves: Vec<_> = receipts.iter().map(|r| leaf_hash(r.bytes())).collect();
    let name = KeyName::new("log.example/load").map_err(|e| missing(&e))?;
    let origin = Origin::from(name.clone());
    let log = LogSigner::ed25519(name, ed25519::SecretKey::from_seed([1; 32]));
    let size = leaves.len() as u64;
    let checkpoint = Checkpoint::new(origin, size, root_of_leaf_hashes(&leaves));
    let checkpoint = checkpoint.map_err(|e| missing(&e))?;
    let signed = SignedCheckpoint::sign(&checkpoint, std::slice::from_ref(&log), 1);
    let signed = signed.map_err(|e| missing(&e))?;
    let mut policy = format!("log {}\n", log.verifier_key());
    let mut lines = signed.note().signatures().to_vec();
    for n in 0..3_u8 {
        let name = KeyName::new(&format!("w{n}.example")).map_err(|e| missing(&e))?;
        let witness = CosignSigner::ed25519(name, ed25519::SecretKey::from_seed([10 + n; 32]));
        policy.push_str(&format!("witness w{n} {}\n", witness.verifier_key()));
        let parsed = Policy::parse(format!("{policy}quorum none\n").as_bytes());
        let keys = parsed.map_err(|e| missing(&e))?.log_keys();
        let verified = signed.verify_log(&keys).map_err(|e| missing(&e))?;
        lines.push(
            witness
                .cosign(&verified, 1_795_000_000)
                .map_err(|e| missing(&e))?,
        );
    }
    policy.push_str("group q all w0 w1 w2\nquorum q\n");
    let runs = LeafRuns::new([(0, size)]).map_err(|e| missing(&e))?;
    let head = Head {
        checkpoint: SignedCheckpoint::new(checkpoint, lines).map_err(|e| missing(&e))?,
        proof: prove_runs(&runs, size, &LeafHashes(&leaves)).map_err(|e| missing(&e))?,
        leaves: runs,
        payload: None,
        sealed: std::collections::BTreeMap::new(),
        session: *receipts
            .first()
            .ok_or_else(|| missing(&"no opening"))?
            .root_hash(),
    };
    let file = tempfile::NamedTempFile::new_in(work).doing("make the bundle's file")?;
    let mut out = BufWriter::new(file.as_file());
    out.write_all(&head.to_bytes()).doing("write the bundle")?;
    for (n, receipt) in receipts.iter().enumerate() {
        let comma: &[u8] = if n == 0 { b"" } else { b"," };
        out.write_all(comma).doing("write the bundle")?;
        out.write_all(receipt.bytes()).doing("write the bundle")?;
    }
    out.write_all(Head::TAIL).doing("write the bundle")?;
    out.flush().doing("write the bundle")?;
    drop(out);
    let x = base64::encode(ed25519::SecretKey::from_seed([7; 32]).public().as_bytes());
    let x = x.trim_end_matches('=').replace('+', "-").replace('/', "_");
    let anchor = serde_json::json!({
        "policy": policy,
        "trust_jwks": {"keys": [{"kty": "OKP", "crv": "Ed25519", "x": x}]},
    });
    let anchors = tempfile::NamedTempFile::new_in(work).doing("make the anchor's file")?;
    std::fs::write(anchors.path(), anchor.to_string()).doing("write the trust anchor")?;
    let bytes = file
        .as_file()
        .metadata()
        .doing("read the bundle's length")?
        .len();
    Ok(Made {
        bundle: file.into_temp_path(),
        anchor: anchors.into_temp_path(),
        bytes,
    })
}

/// Verifies a bundle of so many steps: in this process on one thread, where it is small, and by the program, with its peak
/// memory.
pub(crate) fn figures(program: &Path, work: &Path, steps: u64) -> Result<Vec<Figure>> {
    let made = make(work, steps)?;
    let command = format!("bundle --steps {steps}");
    let size = format!("{} bytes", thousands(made.bytes));
    let mut figures = Vec::new();
    if steps <= 10_000 {
        let median = in_process(&made)?;
        figures.push(Figure {
            name: format!(
                "verify a bundle of {} steps ({size}), one core",
                thousands(steps)
            ),
            measured: format!("{:.1} ms (median of {ROUNDS})", millis(median)),
            target: "≤ 45 ms at 1,000 steps",
            met: (steps == 1000).then_some(median <= Duration::from_millis(45)),
            command: command.clone(),
        });
    }
    let (elapsed, peak) = by_program(program, &made)?;
    figures.push(Figure {
        name: format!(
            "`quorate bundle verify` of {} steps ({size})",
            thousands(steps)
        ),
        measured: format!(
            "{:.2} s, peak {} MB resident",
            elapsed.as_secs_f64(),
            peak / 1_000_000
        ),
        target: "1,000,000 steps: ≤ 45 s, ≤ 100 MB",
        met: (steps == 1_000_000)
            .then_some(elapsed <= Duration::from_secs(45) && peak <= 100_000_000),
        command,
    });
    Ok(figures)
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn in_process(made: &Made) -> Result<Duration> {
    let bundle = std::fs::read(&made.bundle).doing("read the bundle")?;
    let anchor = std::fs::read(&made.anchor).doing("read the trust anchor")?;
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let began = Instant::now();
        let anchor = Anchor::parse(&anchor).map_err(|e| missing(&e))?;
        let report = BundleVerifier::new(&anchor, time(0)?).verify(&*bundle);
        report.map_err(|e| Failure::Broken(format!("the bundle was refused: {e}")))?;
        times.push(began.elapsed());
    }
    times.sort_unstable();
    times
        .get(ROUNDS / 2)
        .copied()
        .ok_or_else(|| missing(&"no time"))
}

/// How long the program takes, and its peak resident memory in bytes.
fn by_program(program: &Path, made: &Made) -> Result<(Duration, u64)> {
    let began = Instant::now();
    let mut child = Command::new(program)
        .args(["bundle", "verify"])
        .arg(&made.bundle)
        .arg("--trust-anchor")
        .arg(&made.anchor)
        .stdout(Stdio::null())
        .spawn()
        .doing(format!("start {}", program.display()))?;
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    let ended = loop {
        if let Some(text) = File::open(&status)
            .ok()
            .and_then(|f| std::io::read_to_string(f).ok())
        {
            peak = peak.max(high_water(&text).unwrap_or(0));
        }
        if let Some(ended) = child.try_wait().doing("wait for the program")? {
            break ended;
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    if !ended.success() {
        return Err(Failure::Broken(format!("the bundle was refused: {ended}")));
    }
    Ok((began.elapsed(), peak))
}

/// `VmHWM` in bytes.
fn high_water(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}
