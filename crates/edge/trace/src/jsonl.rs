//! Logs of one JSON object a line.
//!
//! A line is a step, and its whole text the content. What its members say of the step: `kind` and what belongs to it (`tool`;
//! `provider`, `model`, `direction`; `url`; `name`, `media_type`), `id`, `parents`, `source`, `time`, `attributes`. A line
//! without `kind` that has a `role` is a chat message; without either, a note.

use std::collections::{BTreeSet, HashMap};

use quorate_provenance::{
    Attributes, Direction, MAX_NAME_LEN, MAX_URL_LEN, SourceClass, StepKind, is_text,
};
use quorate_receipt::Timestamp;
use serde_json::value::RawValue;

use crate::Format;
use crate::chat::Calls;
use crate::content::checked;
use crate::convention::Meaning;
use crate::error::{Fault, ReadError};
use crate::plan::{Log, Planned, Planner};
use crate::raw::{Members, string};
use crate::source::{SourceRule, possible, ruled};

/// A line, read.
struct Line<'a> {
    step: Planned<'a>,
    parents: Vec<usize>,
}

/// What earlier lines were.
#[derive(Default)]
struct Reader {
    ids: HashMap<String, usize>,
    /// The lines that no later one derives from.
    tips: BTreeSet<usize>,
    calls: Calls,
    last: Option<Timestamp>,
}

pub(crate) fn read<'a>(text: &'a str, rules: &[SourceRule]) -> Result<Log<'a>, ReadError> {
    let mut reader = Reader::default();
    let mut lines = Vec::new();
    for (number, line) in text.split('\n').enumerate() {
        let line = line.strip_suffix('\r').unwrap_or(line);
        if line.trim_ascii().is_empty() {
            continue;
        }
        let at = lines.len();
        let read = reader.line(line, at, rules);
        lines.push(read.map_err(|fault| fault.at(format!("line {}", number + 1)))?);
    }
    // A line without a time has that of the line above it; above the first time that is told, that one.
    let began = lines.iter().find_map(|line| line.step.time);
    let mut time = began;
    let mut planner = Planner::default();
    for Line { mut step, parents } in lines {
        time = step.time.or(time);
        step.time = time;
        planner.take(step, 0..0, &parents);
    }
    Ok(Log {
        format: Format::Jsonl,
        traces: vec![planner.trace(None, began)?],
        repeated: 0,
    })
}

impl Reader {
    fn line<'a>(
        &mut self,
        line: &'a str,
        at: usize,
        rules: &[SourceRule],
    ) -> Result<Line<'a>, Fault> {
        let value: &RawValue = serde_json::from_str(line)?;
        let members = Members::of(value)?;
        let Meaning { kind, source } = self.meaning(&members)?;
        let parents = self.parents(&members)?;
        if kind == StepKind::Merge && parents.len() < 2 {
            return Err(Fault::Merge);
        }
        if let Some(id) = text(&members, "id")?
            && self.ids.insert(id.clone(), at).is_some()
        {
            return Err(Fault::IdTwice(id));
        }
        for parent in &parents {
            self.tips.remove(parent);
        }
        self.tips.insert(at);
        let mut step = Planned::new(kind, line);
        let note = text(&members, "name")?.unwrap_or_default();
        let source = ruled(rules, &step.kind, &note)
            .or(self::source(&members)?)
            .or(source);
        step.source = possible(&step.kind, source)?;
        step.time = self.time(&members)?;
        step.attributes = attributes(&members)?;
        Ok(Line { step, parents })
    }

    fn meaning(&mut self, members: &Members<'_>) -> Result<Meaning, Fault> {
        let of = |kind, source| Meaning { kind, source };
        let Some(kind) = text(members, "kind")? else {
            return match text(members, "role")? {
                Some(role) => self.calls.meaning(members, &role),
                None => Ok(of(StepKind::Note, None)),
            };
        };
        Ok(match kind.as_str() {
            "tool_call" => {
                let tool = name(members, "tool")?.ok_or(Fault::Missing("tool"))?;
                of(StepKind::ToolCall { tool }, Some(SourceClass::Tool))
            }
            "model_call" => {
                let kind = StepKind::ModelCall {
                    provider: name(members, "provider")?.ok_or(Fault::Missing("provider"))?,
                    model: name(members, "model")?,
                    direction: direction(members)?,
                };
                of(kind, None)
            }
            "retrieval" => {
                let url = short(
                    members,
                    "url",
                    MAX_URL_LEN,
                    "1 to 2048 bytes without control characters",
                )?;
                let url = url.ok_or(Fault::Missing("url"))?;
                of(StepKind::Retrieval { url }, Some(SourceClass::Web))
            }
            "artifact" => {
                let kind = StepKind::Artifact {
                    name: name(members, "name")?.ok_or(Fault::Missing("name"))?,
                    media_type: name(members, "media_type")?,
                };
                of(kind, None)
            }
            "merge" => of(StepKind::Merge, None),
            "note" => of(StepKind::Note, None),
            _ => return Err(Fault::Kind(kind)),
        })
    }

    /// The lines that are named; if none are, all that no other derives from, so that everything above is an ancestor.
    fn parents(&self, members: &Members<'_>) -> Result<Vec<usize>, Fault> {
        let Some(value) = members.get("parents") else {
            return Ok(self.tips.iter().copied().collect());
        };
        let named: Vec<String> = serde_json::from_str(value.get()).map_err(|_| Fault::Member {
            member: "parents",
            expected: "an array of the ids of earlier lines",
        })?;
        let found = named.into_iter().map(|id| {
            let number = self.ids.get(&id).copied();
            number.ok_or(Fault::UnknownParent(id))
        });
        let found: BTreeSet<usize> = found.collect::<Result<_, _>>()?;
        Ok(found.into_iter().collect())
    }

    fn time(&mut self, members: &Members<'_>) -> Result<Option<Timestamp>, Fault> {
        let Some(told) = text(members, "time")? else {
            return Ok(None);
        };
        let time = told
            .parse::<jiff::Timestamp>()
            .ok()
            .and_then(|time| Timestamp::from_micros(time.as_microsecond()))
            .ok_or(Fault::Member {
                member: "time",
                expected: "a time like 2026-01-31T12:00:00.123Z or with +01:00 in place of Z",
            })?;
        if self.last.is_some_and(|last| time < last) {
            return Err(Fault::Backwards);
        }
        self.last = Some(time);
        Ok(Some(time))
    }
}

/// A member that is a string, if it is there.
pub(crate) fn text(members: &Members<'_>, member: &'static str) -> Result<Option<String>, Fault> {
    let Some(value) = members.get(member) else {
        return Ok(None);
    };
    let expected = "a string";
    let text = string(value).ok_or(Fault::Member { member, expected })?;
    Ok(Some(text))
}

/// A member that a receipt takes as it is, or not at all.
fn short(
    members: &Members<'_>,
    member: &'static str,
    longest: usize,
    expected: &'static str,
) -> Result<Option<Box<str>>, Fault> {
    let Some(text) = text(members, member)? else {
        return Ok(None);
    };
    match is_text(&text, longest) {
        true => Ok(Some(text.into())),
        false => Err(Fault::Member { member, expected }),
    }
}

fn name(members: &Members<'_>, member: &'static str) -> Result<Option<Box<str>>, Fault> {
    let expected = "1 to 512 bytes without control characters, any that are not seen, or white space around them";
    short(members, member, MAX_NAME_LEN, expected)
}

fn direction(members: &Members<'_>) -> Result<Direction, Fault> {
    match text(members, "direction")?.as_deref() {
        None | Some("response") => Ok(Direction::Response),
        Some("prompt") => Ok(Direction::Prompt),
        Some(_) => Err(Fault::Member {
            member: "direction",
            expected: "`prompt` or `response`",
        }),
    }
}

fn source(members: &Members<'_>) -> Result<Option<SourceClass>, Fault> {
    let Some(name) = text(members, "source")? else {
        return Ok(None);
    };
    let class = SourceClass::from_name(&name).ok_or(Fault::Source(name));
    class.map(Some)
}

fn attributes(members: &Members<'_>) -> Result<Attributes, Fault> {
    let Some(value) = members.get("attributes") else {
        return Ok(Attributes::new());
    };
    let expected = || Fault::Member {
        member: "attributes",
        expected: "an object of strings",
    };
    let object = Members::of(value).map_err(|_| expected())?;
    let pairs = object.names().map(|name| {
        let value = object.get(name).and_then(string).ok_or_else(expected)?;
        Ok((name.to_owned(), value))
    });
    checked(pairs.collect::<Result<_, Fault>>()?)
}
