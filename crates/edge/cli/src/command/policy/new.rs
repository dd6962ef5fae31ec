//! `quorate policy new`: k of the witnesses named.

use std::collections::BTreeSet;

use quorate_policy::{Name, Policy};
use serde_json::json;

use crate::args::policy::{KeyAt, New};
use crate::failure::{Failure, Stop};
use crate::out::{Out, Sink};
use crate::text::count;

/// The group that the quorum is made of.
const QUORUM: &str = "witnesses";

pub(super) fn run(words: &New, out: Out) -> Result<(), Stop> {
    let policy = compose(words)?;
    let text = policy.render();
    let to_screen = words.output.as_deref().is_none_or(|path| path == "-");
    if out.json() && to_screen {
        let answer = json!({"policy": String::from_utf8_lossy(&text)});
        return out.line(&answer.to_string());
    }
    let mut sink = Sink::open_trusted(words.output.as_deref(), words.force, "a policy")?;
    sink.write(&text)?;
    sink.finish()?;
    if to_screen {
        return Ok(());
    }
    let file = words
        .output
        .as_deref()
        .unwrap_or("".as_ref())
        .display()
        .to_string();
    let report = json!({"file": file, "octets": text.len()});
    out.answer(&report, |paint| {
        let votes = count(voters(words).len() as u64, "vote", "votes");
        format!(
            "{} {} of {votes}: {file}\n{}\n",
            paint.bold("Policy"),
            words.k,
            paint.dim(&format!(
                "To see what it is worth: quorate policy check {file}"
            ))
        )
    })
}

/// Writes the lines and reads them as any policy is read, so that what one file may not say, neither may this
/// one. Each word of a line was checked to be one field.
fn compose(words: &New) -> Result<Policy, Failure> {
    let mut file: Vec<u8> = Vec::new();
    let mut from: Vec<String> = Vec::new();
    let mut line = |said: String, fields: &[&[u8]]| {
        file.extend(fields.join(&b' '));
        file.push(b'\n');
        from.push(said);
    };
    for log in &words.logs {
        line(format!("--log {}", log.key), &with_key(vec![b"log"], log));
    }
    for witness in &words.witnesses {
        let fields = with_key(vec![b"witness", witness.name.as_bytes()], &witness.at);
        line(format!("--witness {}", witness.name), &fields);
    }
    for together in &words.together {
        let members = together.members.iter().map(Name::as_bytes);
        let mut fields: Vec<&[u8]> = vec![b"group", together.name.as_bytes(), b"any"];
        fields.extend(members);
        line(format!("--together {}", together.name), &fields);
    }
    let k = words.k.to_string();
    let voters = voters(words);
    let mut fields: Vec<&[u8]> = vec![b"group", QUORUM.as_bytes(), k.as_bytes()];
    fields.extend(voters.iter().map(|name| name.as_bytes()));
    line(format!("--k {k}"), &fields);
    line("--k".to_owned(), &[b"quorum", QUORUM.as_bytes()]);

    let reading = Policy::read(&file);
    reading.policy().cloned().ok_or_else(|| {
        let problems = reading.problems().iter().map(|problem| {
            let said = from.get(problem.line.saturating_sub(1));
            format!("{}: {}", said.map_or("", String::as_str), problem.kind)
        });
        let why = problems.collect::<Vec<_>>().join("\n");
        Failure::refused("policy-refused", "cannot write this policy", why)
            .hint("nothing was written; docs/policy.md says what a policy may hold")
    })
}

fn with_key<'a>(mut fields: Vec<&'a [u8]>, at: &'a KeyAt) -> Vec<&'a [u8]> {
    fields.push(at.key.as_bytes());
    fields.extend(at.url.as_ref().map(quorate_policy::Url::as_bytes));
    fields
}

/// The members of the quorum: every witness, those that stand together as one.
fn voters(words: &New) -> Vec<&Name> {
    let mut seen = BTreeSet::new();
    words
        .witnesses
        .iter()
        .map(|witness| {
            let mut groups = words.together.iter();
            let group = groups.find(|together| together.members.contains(&witness.name));
            group.map_or(&witness.name, |together| &together.name)
        })
        .filter(|name| seen.insert(*name))
        .collect()
}
