//! What must hold after an append that met a fault.

use std::path::Path;

use serde_json::Value;

use crate::scene::{CONTENT, Outcome, Run, lines, quorate};
use crate::trace::Point;

/// What the append said.
struct Said {
    /// Indices of acknowledged lines, in the order of the lines; none where one was not acknowledged.
    acknowledged: Vec<Option<u64>>,
    /// The code of its error.
    error: Option<String>,
}

impl Said {
    fn count(&self) -> u64 {
        self.acknowledged.iter().flatten().count() as u64
    }
}

macro_rules! hold {
    ($holds:expr, $($why:tt)*) => {
        if !$holds {
            return Err(format!($($why)*));
        }
    };
}

pub(crate) fn judge(run: &Run, point: &Point, dir: &Path, outcome: &Outcome) -> Result<(), String> {
    let data = dir.join("data");
    let said = understand(run, outcome)?;
    honest_exit(run, outcome, &said)?;
    hold!(
        !point.promises() || said.count() < run.entries(),
        "everything was acknowledged although a call failed on which that rests"
    );

    let added = fsck(&data, run)?
        .checked_sub(run.before)
        .ok_or("entries are gone")?;
    hold!(added <= run.entries(), "{added} entries were added");
    match (outcome.code, said.error.as_deref()) {
        (Some(0), _) => hold!(
            added == run.entries(),
            "it says all is there, and {added} are"
        ),
        // The one refusal that does not know; and a process that was killed said nothing.
        (Some(_), Some("stopping")) | (None, _) => {}
        (_, error) => hold!(
            added == said.count(),
            "{error:?} says that {} were appended, and {added} are there",
            said.count()
        ),
    }

    let next = dir.join("next");
    std::fs::write(&next, "{\"type\":\"next\"}\n").map_err(|e| e.to_string())?;
    let again = answer(
        quorate(&data)
            .args(["append", "--offline", "--scroll", run.scroll])
            .arg(&next),
    )?;
    let index = again["runs"][0]["first_index"].as_u64();
    hold!(
        index == Some(run.before + added),
        "the next append went to {index:?}"
    );
    hold!(
        fsck(&data, run)? == run.before + added + 1,
        "the next append is not there"
    );

    the_record_is(run, &data, added, &said)
}

/// One JSON document on each line of both outputs, and nothing else: no panic, no log line.
fn understand(run: &Run, outcome: &Outcome) -> Result<Said, String> {
    let documents = |text: &str| -> Result<Vec<Value>, String> {
        let parse =
            |line| serde_json::from_str(line).map_err(|e| format!("not JSON ({e}): {line}"));
        text.lines().map(parse).collect()
    };
    let mut acknowledged = vec![None; run.entries() as usize];
    for report in documents(&outcome.stdout)? {
        if let Some(index) = report["index"].as_u64() {
            acknowledged[0] = Some(index);
        }
        for landed in report["runs"].as_array().into_iter().flatten() {
            let number = |name: &str| {
                landed[name]
                    .as_u64()
                    .ok_or(format!("no {name} in {report}"))
            };
            let (line, index) = (number("first_line")?, number("first_index")?);
            for i in 0..number("lines")? {
                *acknowledged
                    .get_mut((line - 1 + i) as usize)
                    .ok_or("a line that was never sent is acknowledged")? = Some(index + i);
            }
        }
    }
    let errors = documents(&outcome.stderr)?;
    hold!(errors.len() <= 1, "more than one error");
    let error = errors
        .first()
        .map(|e| e["error"]["code"].as_str().unwrap_or("none").to_owned());
    Ok(Said {
        acknowledged,
        error,
    })
}

/// Success has no error and acknowledges everything; a failing disk is the environment's failure, and no
/// statement about what the directory holds.
fn honest_exit(run: &Run, outcome: &Outcome, said: &Said) -> Result<(), String> {
    const TRUE_OF_A_FAILING_DISK: [&str; 7] = [
        "data-dir",
        "disk",
        "no-data-dir",
        "not-stored",
        "stopping",
        "internal",
        "unreachable",
    ];
    match outcome.code {
        Some(0) => {
            hold!(said.error.is_none(), "success with an error");
            hold!(
                said.count() == run.entries(),
                "success without an acknowledgement of all"
            );
        }
        Some(3) => {
            let error = said.error.as_deref().unwrap_or("none");
            hold!(
                TRUE_OF_A_FAILING_DISK.contains(&error),
                "a failing disk is told as {error:?}"
            );
        }
        Some(code) => return Err(format!("exit code {code} for a failing disk")),
        None => {}
    }
    Ok(())
}

/// The size of the scroll, all scrolls being whole.
fn fsck(data: &Path, run: &Run) -> Result<u64, String> {
    let report = answer(quorate(data).args(["log", "fsck"]))?;
    let scrolls = report["scrolls"].as_array().ok_or("no scrolls")?;
    hold!(scrolls.len() == 2, "{} scrolls were checked", scrolls.len());
    let ours = scrolls.iter().find(|s| s["name"] == run.scroll);
    ours.and_then(|s| s["size"].as_u64())
        .ok_or_else(|| format!("no size in {report}"))
}

/// After a start that cut off what was never sealed: the history, a beginning of the input in its order, the
/// next line; and every acknowledged line where it was said to be.
fn the_record_is(run: &Run, data: &Path, added: u64, said: &Said) -> Result<(), String> {
    let record = lines(&run.record(data));
    hold!(
        record.len() as u64 == run.before + added + 1,
        "the record has {} lines",
        record.len()
    );
    for (i, entry) in (0..added).zip(&record[run.before as usize..]) {
        let right = if run.seal {
            entry["sealed"]["length"] == CONTENT.len()
        } else {
            entry["n"] == i
        };
        hold!(right, "the record has {entry} where line {i} should be");
    }
    for (i, index) in (0..).zip(&said.acknowledged) {
        let there = index.is_none_or(|index| index == run.before + i && i < added);
        hold!(
            there,
            "line {i} was acknowledged at {index:?} and is not there"
        );
    }
    if run.seal && added == 1 {
        let index = run.before.to_string();
        let mut get = quorate(data);
        let got = get
            .args(["log", "get", run.scroll, &index, "--content"])
            .output();
        let content = got.map_err(|e| e.to_string())?.stdout;
        hold!(
            content == CONTENT,
            "the receipt is there and its content is not"
        );
    }
    Ok(())
}

/// What a command that must succeed answers.
fn answer(command: &mut std::process::Command) -> Result<Value, String> {
    let done = command.output().map_err(|e| e.to_string())?;
    let (stdout, stderr) = (
        String::from_utf8_lossy(&done.stdout),
        String::from_utf8_lossy(&done.stderr),
    );
    hold!(
        done.status.success(),
        "{command:?} ends with {}: {stdout}{stderr}",
        done.status
    );
    serde_json::from_str(&stdout).map_err(|e| format!("{command:?} answers {stdout}: {e}"))
}
