//! `quorate log fsck`: everything again from the record. A running node checks itself, a directory without
//! one is checked here.

mod beside;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use quorate_node::{ReceiptIndexer, fsck_value};
use quorate_note::SignedCheckpoint;
use quorate_store::{
    DataDir, DataDirError, Disk, FsckReport, Indexer, Kind, Opaque, OsDisk, Progress, SPEC_FILE,
    ScrollSpec, fsck, repair,
};
use serde_json::{Value, json};

use super::scroll::{number, string};
use crate::client::Client;
use crate::exit::Exit;
use crate::failure::{Failure, Stop, reason};
use crate::local::Settings;
use crate::out::Out;
use crate::progress;
use crate::text::{Paint, Table, printable};

/// The largest `ROOT.<scroll>.txt`: a signed note is at most 128 KiB, two short lines come before it.
const MAX_ROOT_FILE: usize = (128 << 10) + 256;

pub(super) async fn run(
    settings: &Settings,
    name: Option<&str>,
    repair: bool,
    out: Out,
) -> Result<(), Stop> {
    let what = "cannot check the scrolls";
    let runs = Client::node_runs(settings).await?;
    let answers = match (runs, repair) {
        (true, true) => {
            return Err(Failure::refused(
                "node-runs",
                "cannot repair the scrolls",
                "a node runs and uses the files that a repair replaces",
            )
            .hint("without --repair it is checked as it runs; stop the node to repair it")
            .into());
        }
        (true, false) => beside::check(settings, name, what, out).await?,
        (false, _) => alone(settings, name, repair, what, out)?,
    };
    if let (Some(name), []) = (name, answers.as_slice()) {
        return Err(Failure::refused(
            "unknown-scroll",
            what,
            format!("there is no scroll {name:?}"),
        )
        .hint("'quorate log list' lists them")
        .into());
    }
    let answer = json!({"scrolls": answers});
    out.answer(&answer, |paint| table(&answers, paint))?;
    let differs = |a: &&Value| a.get("difference").is_some_and(|d| !d.is_null());
    match answers.iter().find(differs) {
        Some(first) => Err(failure(string(first, "name"), &first["difference"], runs).into()),
        None => Ok(()),
    }
}

/// Checks a directory on which no node runs.
fn alone(
    settings: &Settings,
    name: Option<&str>,
    repair: bool,
    what: &str,
    out: Out,
) -> Result<Vec<Value>, Failure> {
    let data_dir = settings.data_dir();
    let disk: Arc<dyn Disk> = Arc::new(OsDisk);
    let _lock = lock(&disk, data_dir, what)?;
    let mut answers = Vec::new();
    for directory in directories(data_dir, what)? {
        let spec = ScrollSpec::read(&*disk, &directory).map_err(|e| {
            Failure::refused("damaged", what, reason(&e))
                .hint("restore a backup into another directory")
        })?;
        if name.is_some_and(|n| n != spec.name) {
            continue;
        }
        let one = One {
            disk: &disk,
            directory: &directory,
            spec: &spec,
            data_dir,
            out,
        };
        let (report, repaired) = one.check(repair)?;
        let mut answer = fsck_value(&spec.name, &report, data_dir);
        answer["repaired"] = repaired.into();
        answers.push(answer);
    }
    Ok(answers)
}

/// One scroll under check.
struct One<'a> {
    disk: &'a Arc<dyn Disk>,
    directory: &'a Path,
    spec: &'a ScrollSpec,
    data_dir: &'a Path,
    out: Out,
}

impl One<'_> {
    /// Checks, and where asked to and possible repairs and checks again.
    fn check(&self, mend: bool) -> Result<(FsckReport, bool), Failure> {
        let expected = self.expected()?;
        let what = format!("cannot check {}", self.spec.name);
        let indexer: Arc<dyn Indexer> = match self.spec.kind {
            Kind::Receipts => Arc::new(ReceiptIndexer),
            Kind::Raw => Arc::new(Opaque),
        };
        let check = || {
            let bar = progress::bar(Some(0), self.out);
            let mut show = |p: Progress| {
                bar.set_length(p.total);
                bar.set_position(p.done);
            };
            let report = fsck(self.disk, self.directory, &*indexer, expected, &mut show);
            bar.finish_and_clear();
            report.map_err(|e| {
                Failure::environment("disk", &what, reason(&e))
                    .hint("check the disk and the permissions")
            })
        };
        let report = check()?;
        if !mend || report.derived.is_none() || report.record.is_some() {
            return Ok((report, false));
        }
        repair(self.disk, self.directory, Arc::clone(&indexer), &mut |_| {}).map_err(|e| {
            Failure::refused(
                "not-repaired",
                format!("cannot repair {}", self.spec.name),
                reason(&e),
            )
            .hint("the record was not touched; restore a backup into another directory")
        })?;
        Ok((check()?, true))
    }

    /// The last signed head, from the file that holds it for everybody.
    fn expected(&self) -> Result<Option<(u64, quorate_merkle::Hash)>, Failure> {
        let path = self
            .data_dir
            .join(format!("ROOT.{}.txt", self.spec.name.to_ascii_lowercase()));
        let octets = match std::fs::read(&path) {
            Ok(octets) => octets,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(Failure::file("read", &path, &e)),
        };
        let altered = |why: String| {
            Failure::refused("damaged", format!("{} is not as it was written", path.display()), why)
                .hint("it holds the last signed head: do not remove it; compare it with a copy that somebody else holds")
        };
        if octets.len() > MAX_ROOT_FILE {
            return Err(altered(format!("it is longer than {MAX_ROOT_FILE} octets")));
        }
        let note = octets.splitn(3, |b| *b == b'\n').nth(2).unwrap_or_default();
        let signed = SignedCheckpoint::parse(note).map_err(|e| altered(reason(&e)))?;
        let checkpoint = signed.checkpoint_unverified();
        Ok(Some((checkpoint.size(), *checkpoint.root())))
    }
}

fn lock(disk: &Arc<dyn Disk>, data_dir: &Path, what: &str) -> Result<DataDir, Failure> {
    let failed = |e: DataDirError| {
        let exit = if matches!(e, DataDirError::InUse(_) | DataDirError::Disk(_)) {
            Exit::Environment
        } else {
            Exit::Refused
        };
        Failure::new(exit, "data-dir", what, reason(&e)).hint("nothing was changed")
    };
    let node = DataDir::read_node(&**disk, data_dir)
        .map_err(failed)?
        .ok_or_else(|| {
            Failure::environment(
                "no-node",
                what,
                format!("there is no node in {}", data_dir.display()),
            )
            .hint("start one with 'quorate up', or name its directory with --data-dir")
        })?;
    DataDir::open(Arc::clone(disk), data_dir, &node).map_err(failed)
}

/// Directories that hold a scroll, by name.
fn directories(data_dir: &Path, what: &str) -> Result<Vec<PathBuf>, Failure> {
    let receipts = data_dir.join("receipts");
    let failed = |e: std::io::Error| {
        Failure::environment("file", what, format!("{}: {e}", receipts.display()))
    };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(&receipts).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        // What cannot be looked at is not absent.
        if path.join(SPEC_FILE).try_exists().map_err(failed)? {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn failure(name: &str, difference: &Value, runs: bool) -> Failure {
    let why = match string(difference, "file") {
        "-" => string(difference, "what").to_owned(),
        file => format!(
            "{file} at byte {}: {}",
            number(difference, "offset"),
            string(difference, "what")
        ),
    };
    let hint = match (string(difference, "in"), runs) {
        ("derived", false) => {
            "'quorate log fsck --repair' rebuilds it from the record, which is whole"
        }
        ("derived", true) => "stop the node, then 'quorate log fsck --repair': the record is whole",
        _ => {
            "do not remove anything: keep this directory as evidence, and restore a backup into another one"
        }
    };
    Failure::refused("damaged", format!("{name} is not as it was written"), why).hint(hint)
}

/// A hash that fits into a line; JSON has all of it.
fn short(hash: &str) -> String {
    match hash.get(..23) {
        Some(short) if hash.len() > 23 => format!("{short}…"),
        _ => hash.to_owned(),
    }
}

fn table(answers: &[Value], paint: Paint) -> String {
    let mut table = Table::new(&["scroll", "state", ">entries", "root"]);
    for answer in answers {
        let clean = answer.get("clean").and_then(Value::as_bool) == Some(true);
        let repaired = answer.get("repaired").and_then(Value::as_bool) == Some(true);
        let state = match (clean, repaired) {
            (true, false) => "whole",
            (true, true) => "repaired",
            (false, _) => "damaged",
        };
        table.push(&[
            &printable(string(answer, "name")),
            state,
            &number(answer, "size").to_string(),
            &short(string(answer, "root")),
        ]);
    }
    table.render(paint)
}
