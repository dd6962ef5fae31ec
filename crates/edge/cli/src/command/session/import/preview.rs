//! What an import would record.

use quorate_provenance::{Label, SourceClass, StepKind};
use quorate_trace::{Log, Planned, Trace};
use serde_json::{Value, json};

use crate::failure::Stop;
use crate::out::Out;
use crate::text::{Paint, Table, count, octets, printable};

pub(super) fn show(log: &Log<'_>, sealed: bool, out: Out) -> Result<(), Stop> {
    let labels: Vec<Vec<Label>> = log.traces.iter().map(labels).collect();
    let traces = log.traces.iter().zip(&labels);
    let view: Vec<Value> = traces
        .clone()
        .map(|(trace, labels)| {
            let steps = trace.steps.iter().zip(labels).enumerate();
            let steps: Vec<Value> = steps
                .map(|(at, (step, label))| step_view(at, step, *label, sealed))
                .collect();
            json!({
                "trace": trace.id,
                "began": trace.began.map(|t| t.to_string()),
                "plan": trace.fingerprint(sealed).to_string(),
                "listed": steps,
            })
        })
        .collect();
    let answer = json!({"format": log.format.as_str(), "repeated": log.repeated, "traces": view});
    out.answer(&answer, |paint| {
        let texts = traces.map(|(trace, labels)| text(trace, labels, sealed, paint));
        texts.collect::<Vec<_>>().join("\n")
    })
}

/// What each step would derive from.
fn labels(trace: &Trace<'_>) -> Vec<Label> {
    let mut labels: Vec<Label> = Vec::with_capacity(trace.steps.len());
    for step in &trace.steps {
        let parents = step.parents.iter().map(|parent| labels[*parent]);
        let label = Label::effective(step.source, parents);
        labels.push(label);
    }
    labels
}

fn name(step: &Planned<'_>) -> String {
    match &step.kind {
        StepKind::ToolCall { tool } => tool.to_string(),
        StepKind::ModelCall {
            provider, model, ..
        } => match model {
            Some(model) => format!("{provider}/{model}"),
            None => provider.to_string(),
        },
        StepKind::Retrieval { url } => url.to_string(),
        StepKind::Artifact { name, .. } => name.to_string(),
        StepKind::Merge | StepKind::Note => {
            step.attributes.get("name").cloned().unwrap_or_default()
        }
    }
}

/// How the content would stand in the log, and its length as it is in the file.
fn content(step: &Planned<'_>, sealed: bool) -> Option<(&'static str, usize)> {
    let content = step.content.as_ref()?;
    let how = match sealed {
        true => "sealed",
        false if content.inline().is_some() => "inline",
        false => "hash",
    };
    Some((how, content.text().len()))
}

fn step_view(at: usize, step: &Planned<'_>, label: Label, sealed: bool) -> Value {
    let content = content(step, sealed).map(|(how, octets)| json!({"as": how, "octets": octets}));
    json!({
        "sequence": at + 1,
        "at": step.time.map(|t| t.to_string()),
        "kind": step.kind.name(),
        "name": name(step),
        "parents": numbers(step),
        "source": step.source.map(SourceClass::as_str),
        "sources": label.classes().map(SourceClass::as_str).collect::<Vec<_>>(),
        "integrity": label.level().as_str(),
        "content": content,
    })
}

/// Parents by the numbers that the steps would have.
fn numbers(step: &Planned<'_>) -> Vec<usize> {
    step.parents.iter().map(|parent| parent + 1).collect()
}

fn text(trace: &Trace<'_>, labels: &[Label], sealed: bool, paint: Paint) -> String {
    let mut table = Table::new(&[
        "step",
        "kind",
        "name",
        "derives from",
        "source",
        "integrity",
        "content",
    ]);
    for (at, (step, label)) in trace.steps.iter().zip(labels).enumerate() {
        let parents = numbers(step)
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>();
        let content = content(step, sealed);
        table.push(&[
            &(at + 1).to_string(),
            step.kind.name(),
            &printable(&name(step)),
            &parents.join(" "),
            step.source.map_or("", SourceClass::as_str),
            label.level().as_str(),
            &content.map_or(String::new(), |(how, n)| {
                format!("{how}, {}", octets(n as u64))
            }),
        ]);
    }
    let steps = count(trace.steps.len() as u64, "step", "steps");
    let title = match &trace.id {
        Some(id) => format!("Trace {id}: {steps}"),
        None => steps,
    };
    format!("{}\n{}", paint.bold(&title), table.render(paint))
}
