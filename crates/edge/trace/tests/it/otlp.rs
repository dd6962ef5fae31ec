use std::fmt::Write as _;

use quorate_provenance::SourceClass;
use quorate_trace::{Fault, Format, Log, ReadError, read};

use super::{IsFault, fault, labels, log, parents, ruled, word, words};

const REAL: &str = include_str!("../../../../../examples/agent-trace/trace.otlp.jsonl");
const OLDER: &str =
    include_str!("../../../../../examples/agent-trace/trace-older-names.otlp.jsonl");

/// `kind` 3 is a client's. Attributes are strings.
fn span(
    id: &str,
    parent: &str,
    kind: u8,
    times: (u64, u64),
    attributes: &[(&str, &str)],
) -> String {
    let attributes: Vec<String> = attributes
        .iter()
        .map(|(key, value)| format!(r#"{{"key":"{key}","value":{{"stringValue":"{value}"}}}}"#))
        .collect();
    format!(
        r#"{{"traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"{id:0>16}","parentSpanId":"{parent}","name":"span {id}","kind":{kind},"startTimeUnixNano":"{}","endTimeUnixNano":"{}","attributes":[{}]}}"#,
        times.0,
        times.1,
        attributes.join(",")
    )
}

fn export(spans: &[String]) -> String {
    let spans = spans.join(",");
    format!(
        r#"{{"resourceSpans":[{{"resource":{{"attributes":[]}},"scopeSpans":[{{"scope":{{"name":"s"}},"spans":[{spans}]}}]}}]}}"#
    )
}

fn one(kind: u8, attributes: &[(&str, &str)]) -> (String, Option<SourceClass>) {
    let text = export(&[span("1", "", kind, (10, 20), attributes)]);
    let log = log(&text);
    let step = &log.traces[0].steps[1];
    (word(step), step.source)
}

#[test]
fn a_trace_of_a_real_agent_is_mapped_by_the_conventions() {
    for text in [REAL, OLDER] {
        let log = log(text);
        assert_eq!(log.format, Format::Otlp);
        let [trace] = log.traces.as_slice() else {
            panic!("{}", log.traces.len());
        };
        let expected = [
            "note otlp origin",
            "note otlp origin",
            "note otlp origin",
            "model_call openai/example-model-1",
            "retrieval http://docs.example/notes/1.2.3",
            "tool_call fetch_page",
            "model_call openai/example-model-1",
            "tool_call publish",
            "model_call openai/example-model-1",
            "note invoke_agent release-agent",
        ];
        assert_eq!(words(trace), expected);
        // The page was fetched within the call of the tool, which ended before the model was asked again.
        let from: [&[usize]; 10] = [&[], &[], &[], &[], &[3], &[4], &[5], &[6], &[7], &[8]];
        assert_eq!(parents(trace), from);
        let labels = labels(trace);
        assert_eq!(labels[3], [SourceClass::Undeclared]);
        assert!(labels[7].contains(&SourceClass::Web) && labels[7].contains(&SourceClass::Tool));
    }
}

#[test]
fn every_octet_of_a_span_and_everything_around_it_is_kept() {
    let text = r#"{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"a"}}]},
        "schemaUrl":"u","scopeSpans":[{"scope":{"name":"n"},"later":true,"spans":[
        {"traceId":"0102030405060708090A0B0C0D0E0F10","spanId":"00000000000000aB","name":"x","startTimeUnixNano":"1",
         "endTimeUnixNano":2,"newField":[1,2],"droppedAttributesCount":3}]}]}],"also":1}"#;
    let log = log(text);
    let trace = &log.traces[0];
    assert_eq!(
        trace.id.as_deref(),
        Some("0102030405060708090a0b0c0d0e0f10")
    );
    let origin = trace.steps[0].content.as_ref().unwrap().text();
    let expected = r#"{"request":{"also":1},"resource":{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"a"}}]},"schemaUrl":"u"},"scope":{"later":true,"scope":{"name":"n"}}}"#;
    assert_eq!(origin, expected);
    let content = trace.steps[1].content.as_ref().unwrap();
    assert!(text.contains(content.text()) && content.text().contains("newField"));
    assert!(content.inline().is_some());
    assert_eq!(trace.steps[1].attributes["otlp.origin"], "1");
    assert_eq!(
        trace.steps[1].attributes["otlp.span_id"],
        "00000000000000ab"
    );
}

#[test]
fn spans_are_what_the_conventions_say() {
    const OP: &str = "gen_ai.operation.name";
    type Case = (
        u8,
        &'static [(&'static str, &'static str)],
        &'static str,
        Option<SourceClass>,
    );
    let cases: [Case; 17] = [
        (
            3,
            &[
                (OP, "chat"),
                ("gen_ai.system", "anthropic"),
                ("gen_ai.request.model", "m"),
            ],
            "model_call anthropic/m",
            None,
        ),
        (
            3,
            &[
                (OP, "text_completion"),
                ("gen_ai.provider.name", "p"),
                ("gen_ai.system", "s"),
            ],
            "model_call p/-",
            None,
        ),
        (
            3,
            &[
                (OP, "generate_content"),
                ("gen_ai.request.model", "a"),
                ("gen_ai.response.model", "b"),
            ],
            "model_call unknown/b",
            None,
        ),
        (
            3,
            &[(OP, "embeddings"), ("gen_ai.provider.name", "p")],
            "model_call p/-",
            None,
        ),
        (
            1,
            &[(OP, "execute_tool"), ("gen_ai.tool.name", "deploy")],
            "tool_call deploy",
            Some(SourceClass::Tool),
        ),
        (
            1,
            &[(OP, "execute_tool")],
            "tool_call span 1",
            Some(SourceClass::Tool),
        ),
        (
            3,
            &[(OP, "retrieval"), ("gen_ai.data_source.id", "docs")],
            "retrieval docs",
            Some(SourceClass::RagIndex),
        ),
        (
            3,
            &[(OP, "search_memory"), ("gen_ai.memory.store.id", "m1")],
            "retrieval m1",
            Some(SourceClass::Memory),
        ),
        (1, &[(OP, "invoke_agent")], "note span 1", None),
        (
            3,
            &[
                ("http.request.method", "GET"),
                ("url.full", "https://e.example/"),
            ],
            "retrieval https://e.example/",
            Some(SourceClass::Web),
        ),
        (
            3,
            &[("http.method", "GET"), ("http.url", "https://e.example/")],
            "retrieval https://e.example/",
            Some(SourceClass::Web),
        ),
        (
            2,
            &[
                ("http.request.method", "GET"),
                ("url.full", "https://e.example/"),
            ],
            "note span 1",
            Some(SourceClass::Undeclared),
        ),
        (
            3,
            &[("db.system.name", "postgresql")],
            "tool_call postgresql",
            Some(SourceClass::Tool),
        ),
        (
            3,
            &[
                ("rpc.system", "grpc"),
                ("rpc.service", "a.B"),
                ("rpc.method", "C"),
            ],
            "tool_call a.B/C",
            Some(SourceClass::Tool),
        ),
        (3, &[], "note span 1", Some(SourceClass::Undeclared)),
        (5, &[], "note span 1", Some(SourceClass::Undeclared)),
        (
            1,
            &[("quorate.source", "local_file")],
            "note span 1",
            Some(SourceClass::LocalFile),
        ),
    ];
    for (kind, attributes, named, source) in cases {
        assert_eq!(
            one(kind, attributes),
            (named.to_owned(), source),
            "{attributes:?}"
        );
    }
}

#[test]
fn the_request_that_carries_a_call_of_a_model_is_no_retrieval() {
    let http = [
        ("http.request.method", "POST"),
        ("url.full", "https://models.example/v1"),
    ];
    let text = export(&[
        span(
            "1",
            "",
            3,
            (10, 40),
            &[("gen_ai.operation.name", "chat"), ("gen_ai.system", "p")],
        ),
        span("2", "0000000000000001", 3, (20, 30), &http),
    ]);
    let log = log(&text);
    assert_eq!(
        words(&log.traces[0])[1..],
        ["note span 2", "model_call p/-"]
    );
    assert_eq!(log.traces[0].steps[1].source, None);
}

#[test]
fn a_rule_is_stronger_than_a_span_and_a_span_than_its_kind() {
    let http = [
        ("http.request.method", "GET"),
        ("url.full", "https://e.example/a"),
        ("quorate.source", "memory"),
    ];
    let text = export(&[span("1", "", 3, (10, 20), &http)]);
    let source = |rules: &[&str]| ruled(&text, rules).traces[0].steps[1].source;
    assert_eq!(source(&[]), Some(SourceClass::Memory));
    assert_eq!(
        source(&["retrieval:https://e.example/*=rag_index", "retrieval=web"]),
        Some(SourceClass::RagIndex)
    );
    assert_eq!(
        source(&["retrieval:https://f.example/*=rag_index", "retrieval=web"]),
        Some(SourceClass::Web)
    );
    assert_eq!(source(&["tool_call=web"]), Some(SourceClass::Memory));
}

#[test]
fn several_requests_are_one_file_and_each_trace_a_session() {
    let first = export(&[span("1", "", 1, (10, 20), &[])]);
    let second = first.replace(
        "0102030405060708090a0b0c0d0e0f10",
        "ff02030405060708090a0b0c0d0e0f10",
    );
    let text = format!("{first}\n{second}\n\n{first}\n");
    let log = log(&text);
    assert_eq!(log.traces.len(), 2);
    // The same span came again, to the letter: a collector sends at least once.
    assert_eq!(log.repeated, 1);
    let changed = format!("{first}\n{}", first.replace("span 1", "span 1'"));
    assert!(
        matches!(fault(&changed), (place, Fault::SpanTwice(id)) if place.starts_with("request 2,") && id == "0000000000000001")
    );
}

#[test]
fn what_is_no_trace_is_refused_with_its_place() {
    let good = export(&[span("1", "", 1, (10, 20), &[])]);
    let place = "request 1, resourceSpans[0].scopeSpans[0].spans[0]";
    let cases: [(&str, &str, IsFault); 9] = [
        (
            "0102030405060708090a0b0c0d0e0f10",
            "AQIDBAUGBwgJCgsMDQ4PEA==",
            |f| matches!(f, Fault::Base64("traceId")),
        ),
        (
            "0102030405060708090a0b0c0d0e0f10",
            "00000000000000000000000000000000",
            |f| matches!(f, Fault::Missing("traceId")),
        ),
        ("0000000000000001", "1", |f| {
            matches!(
                f,
                Fault::Member {
                    member: "spanId",
                    ..
                }
            )
        }),
        ("\"10\"", "\"30\"", |f| matches!(f, Fault::EndsFirst)),
        ("\"20\"", "\"0\"", |f| {
            matches!(f, Fault::Missing("endTimeUnixNano"))
        }),
        ("\"20\"", "\"soon\"", |f| {
            matches!(
                f,
                Fault::Member {
                    member: "endTimeUnixNano",
                    ..
                }
            )
        }),
        ("\"attributes\":[]}]", "\"attributes\":{}}]", |f| {
            matches!(
                f,
                Fault::Member {
                    member: "attributes",
                    ..
                }
            )
        }),
        (
            "\"name\":\"span 1\"",
            "\"name\":\"a\",\"name\":\"b\"",
            |f| matches!(f, Fault::Json(_)),
        ),
        (
            "\"attributes\":[]}]",
            "\"attributes\":[{\"key\":\"quorate.source\",\"value\":{\"stringValue\":\"wab\"}}]}]",
            |f| matches!(f, Fault::Source(_)),
        ),
    ];
    for (from, to, is) in cases {
        let text = good.replace(from, to);
        assert_ne!(text, good);
        let (at, fault) = fault(&text);
        assert!(at == place && is(&fault), "{at} {fault}");
    }
    assert!(matches!(
        fault(r#"{"resourceLogs":[]}"#),
        (_, Fault::NotTraces)
    ));
    fn read_otlp(text: &str) -> Result<Log<'_>, ReadError> {
        read(text.as_bytes(), Some(Format::Otlp), &[])
    }
    assert!(matches!(read_otlp("{}"), Err(ReadError::NoSpans)));
    assert!(matches!(
        read_otlp(&good[..good.len() - 1]),
        Err(ReadError::Json(_))
    ));
    assert!(matches!(read_otlp(" \n"), Err(ReadError::Empty)));
}

/// 20,000 spans, then 20,000 that overlap one another and derive from all of the first.
#[test]
fn a_crowd_of_spans_is_brought_together_by_merges_that_are_shared() {
    let count = 20_000;
    let mut text = String::from(r#"{"resourceSpans":[{"scopeSpans":[{"spans":["#);
    for number in 0..2 * count {
        let (begin, end) = match number < count {
            true => (10, 20 + number),
            false => (count + 100 + number, 10 * count + number),
        };
        let comma = if number == 0 { "" } else { "," };
        let _written = write!(
            text,
            "{comma}{}",
            span(&format!("{:x}", number + 1), "", 1, (begin, end), &[])
        );
    }
    text.push_str("]}]}]}");
    let log = log(&text);
    let trace = &log.traces[0];
    let merges = trace
        .steps
        .iter()
        .filter(|step| step.kind.name() == "merge")
        .count();
    let named: usize = trace.steps.iter().map(|step| step.parents.len()).sum();
    // One merge for 32 spans, for 32 of those, and so on; nothing near 20,000 squared.
    assert!(
        (count as usize / 32..count as usize / 31 + 64).contains(&merges),
        "{merges}"
    );
    assert!(named < 80 * count as usize, "{named}");
    // All of the first are ancestors of the last.
    let mut seen = vec![false; trace.steps.len()];
    let mut open = vec![trace.steps.len() - 1];
    while let Some(at) = open.pop() {
        for parent in &trace.steps[at].parents {
            assert!(*parent < at);
            if !std::mem::replace(&mut seen[*parent], true) {
                open.push(*parent);
            }
        }
    }
    let spans = trace
        .steps
        .iter()
        .zip(&seen)
        .skip(1)
        .filter(|(step, _)| step.kind.name() == "note");
    assert_eq!(spans.filter(|(_, seen)| **seen).count(), count as usize);
}
