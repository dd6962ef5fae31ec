//! OTLP/JSON: `ExportTraceServiceRequest`s, one or one after another.

use std::collections::{BTreeMap, HashMap};

use quorate_provenance::{Attributes, MAX_NAME_LEN, SourceClass, StepKind};
use quorate_receipt::Timestamp;
use serde_json::value::RawValue;

use crate::Format;
use crate::content::fitted;
use crate::convention::{declared, is_model_call, meaning};
use crate::error::{Fault, ReadError};
use crate::order::{Interval, derived};
use crate::plan::{Log, Planned, Planner, Trace};
use crate::raw::{Members, items, values};
use crate::source::{SourceRule, possible, ruled};
use crate::span::Span;

/// The members by which a file is known as OTLP.
pub(crate) const SIGNALS: [&str; 3] = ["resourceSpans", "resourceLogs", "resourceMetrics"];
/// The name of the note that says where spans come from.
const ORIGIN: &str = "otlp origin";

/// A span and which of the origins is its.
#[derive(Debug)]
struct Found<'a> {
    span: Span<'a>,
    origin: usize,
    place: String,
}

/// What a file holds.
#[derive(Debug, Default)]
struct Export<'a> {
    /// Everything around spans: request, resource and scope without what is within them, each text once.
    origins: Vec<String>,
    traces: BTreeMap<String, Vec<Found<'a>>>,
    /// The traces in the order in which they appear.
    appeared: Vec<String>,
}

pub(crate) fn read<'a>(text: &'a str, rules: &[SourceRule]) -> Result<Log<'a>, ReadError> {
    let mut export = Export::default();
    let mut origins = HashMap::new();
    for (number, request) in values(text).enumerate() {
        let request = request.map_err(ReadError::Json)?;
        export.request(request, number + 1, &mut origins)?;
    }
    if export.appeared.is_empty() {
        return Err(ReadError::NoSpans);
    }
    let (mut traces, mut repeated) = (Vec::new(), 0);
    for id in export.appeared {
        let spans = export.traces.remove(&id).unwrap_or_default();
        let before = spans.len();
        let spans = ordered(spans)?;
        repeated += before - spans.len();
        traces.push(trace(id, spans, &export.origins, rules)?);
    }
    Ok(Log {
        format: Format::Otlp,
        traces,
        repeated,
    })
}

impl<'a> Export<'a> {
    fn request(
        &mut self,
        request: &'a RawValue,
        number: usize,
        origins: &mut HashMap<String, usize>,
    ) -> Result<(), ReadError> {
        let here = format!("request {number}");
        let members = Members::of(request).map_err(|e| Fault::from(e).at(&*here))?;
        let Some(resources) = members.get("resourceSpans") else {
            let nothing = members.names().next().is_none();
            return match nothing {
                true => Ok(()),
                false => Err(Fault::NotTraces.at(here)),
            };
        };
        let around = members.without("resourceSpans");
        for (at, resource) in array(resources, "resourceSpans", &here)?
            .into_iter()
            .enumerate()
        {
            let here = format!("{here}, resourceSpans[{at}]");
            let members = Members::of(resource).map_err(|e| Fault::from(e).at(&*here))?;
            let Some(scopes) = members.get("scopeSpans") else {
                continue;
            };
            let resource = members.without("scopeSpans");
            for (at, scope) in array(scopes, "scopeSpans", &here)?.into_iter().enumerate() {
                let here = format!("{here}.scopeSpans[{at}]");
                let members = Members::of(scope).map_err(|e| Fault::from(e).at(&*here))?;
                let Some(spans) = members.get("spans") else {
                    continue;
                };
                let scope = members.without("spans");
                let parts = [
                    ("request", &around),
                    ("resource", &resource),
                    ("scope", &scope),
                ];
                let origin = self.origin(origin_text(parts), origins);
                for (at, span) in array(spans, "spans", &here)?.into_iter().enumerate() {
                    let place = format!("{here}.spans[{at}]");
                    let span = Span::read(span).map_err(|fault| fault.at(&*place))?;
                    self.span(Found {
                        span,
                        origin,
                        place,
                    });
                }
            }
        }
        Ok(())
    }

    fn origin(&mut self, text: String, known: &mut HashMap<String, usize>) -> usize {
        if let Some(at) = known.get(&text) {
            return *at;
        }
        self.origins.push(text.clone());
        known.insert(text, self.origins.len() - 1);
        self.origins.len() - 1
    }

    fn span(&mut self, found: Found<'a>) {
        let id = &found.span.trace;
        if !self.traces.contains_key(id) {
            self.appeared.push(id.clone());
        }
        self.traces.entry(id.clone()).or_default().push(found);
    }
}

fn array<'a>(
    value: &'a RawValue,
    member: &'static str,
    place: &str,
) -> Result<Vec<&'a RawValue>, ReadError> {
    items(value).ok_or_else(|| {
        let expected = "an array";
        Fault::Member { member, expected }.at(place)
    })
}

/// `{"request":…,"resource":…,"scope":…}` of what is there.
fn origin_text(parts: [(&str, &Option<String>); 3]) -> String {
    let there = parts.into_iter().filter_map(|(name, text)| {
        let text = text.as_ref()?;
        Some(format!("\"{name}\":{text}"))
    });
    format!("{{{}}}", there.collect::<Vec<_>>().join(","))
}

/// In the order of ends, then beginnings, then ids; what came twice once.
fn ordered(mut spans: Vec<Found<'_>>) -> Result<Vec<Found<'_>>, ReadError> {
    let mut known: HashMap<String, &str> = HashMap::with_capacity(spans.len());
    let mut twice = vec![false; spans.len()];
    for (at, found) in spans.iter().enumerate() {
        match known.insert(found.span.id.clone(), found.span.text) {
            Some(text) if text == found.span.text => twice[at] = true,
            Some(_) => {
                let fault = Fault::SpanTwice(found.span.id.clone());
                return Err(fault.at(&*found.place));
            }
            None => {}
        }
    }
    let mut twice = twice.into_iter();
    spans.retain(|_| !twice.next().unwrap_or_default());
    spans.sort_by(|a, b| {
        let key = |found: &Found<'_>| (found.span.end, found.span.begin);
        key(a).cmp(&key(b)).then_with(|| a.span.id.cmp(&b.span.id))
    });
    Ok(spans)
}

fn trace<'a>(
    id: String,
    spans: Vec<Found<'a>>,
    origins: &[String],
    rules: &[SourceRule],
) -> Result<Trace<'a>, ReadError> {
    let numbers: HashMap<&str, usize> = spans
        .iter()
        .enumerate()
        .map(|(number, found)| (found.span.id.as_str(), number))
        .collect();
    let parent_of = |found: &Found<'_>| {
        let parent = found.span.parent.as_deref()?;
        numbers.get(parent).copied()
    };
    let intervals: Vec<Interval> = spans
        .iter()
        .map(|found| Interval {
            begin: found.span.begin,
            end: found.span.end,
            parent: parent_of(found),
        })
        .collect();
    let carries: Vec<bool> = spans
        .iter()
        .map(|found| parent_of(found).is_some_and(|at| is_model_call(&spans[at].span)))
        .collect();
    let began = spans.iter().map(|found| found.span.begin).min();
    let began = began.and_then(micros);

    let mut planner = Planner::default();
    let mut remarked: HashMap<usize, usize> = HashMap::new();
    for found in &spans {
        if !remarked.contains_key(&found.origin) {
            remarked.insert(found.origin, remarked.len() + 1);
            planner.remark(origin(origins[found.origin].clone(), began, rules));
        }
    }
    let derived = derived(&intervals);
    for ((found, needs), carries) in spans.into_iter().zip(derived).zip(carries) {
        let origin = remarked.get(&found.origin).copied().unwrap_or_default();
        let step = step(&found.span, origin, carries, rules).map_err(|f| f.at(found.place))?;
        planner.take(step, needs.run, &needs.more);
    }
    planner.trace(Some(id), began)
}

/// The note that says where spans come from. Nothing derives from it: it is about the program, not what it worked on.
fn origin<'a>(text: String, began: Option<Timestamp>, rules: &[SourceRule]) -> Planned<'a> {
    let mut note = Planned::new(StepKind::Note, text);
    let source = ruled(rules, &note.kind, ORIGIN);
    note.source = source.or(Some(SourceClass::Operator));
    note.time = began;
    note.attributes = Attributes::from([("name".to_owned(), ORIGIN.to_owned())]);
    note
}

fn step<'a>(
    span: &Span<'a>,
    origin: usize,
    carries: bool,
    rules: &[SourceRule],
) -> Result<Planned<'a>, Fault> {
    let meaning = meaning(span, carries);
    let name = fitted(&span.name, MAX_NAME_LEN);
    let declared = declared(span)?;
    let mut step = Planned::new(meaning.kind, span.text);
    let source = ruled(rules, &step.kind, &span.name)
        .or(declared)
        .or(meaning.source);
    step.source = possible(&step.kind, source)?;
    step.time = micros(span.end);
    step.attributes = Attributes::from([
        ("name".to_owned(), name),
        ("otlp.origin".to_owned(), origin.to_string()),
        ("otlp.span_id".to_owned(), span.id.clone()),
    ]);
    Ok(step)
}

/// u64 nanoseconds end in the year 2554, so this is never none.
fn micros(nanos: u64) -> Option<Timestamp> {
    Timestamp::from_micros((nanos / 1000).try_into().ok()?)
}
