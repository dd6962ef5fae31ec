use quorate_provenance::SourceClass;
use quorate_trace::{Fault, Format};

use super::{IsFault, fault, labels, log, parents, ruled, words};

#[test]
fn a_line_is_what_it_says_and_its_whole_text_is_the_content() {
    let text = include_str!("../../../../../examples/agent-trace/agent-log.jsonl");
    let log = log(text);
    assert_eq!(log.format, Format::Jsonl);
    let trace = &log.traces[0];
    let expected = [
        "note ",
        "note ",
        "retrieval https://docs.example/notes/1.2.3",
        "model_call openai/example-model-1",
        "artifact summary.txt",
        "tool_call publish",
    ];
    assert_eq!(words(trace), expected);
    let from: [&[usize]; 6] = [&[], &[], &[0], &[1, 2], &[3], &[4]];
    assert_eq!(parents(trace), from);
    let sources = [SourceClass::User, SourceClass::LocalFile, SourceClass::Web];
    assert_eq!(labels(trace)[4], sources);
    assert_eq!(trace.steps[5].attributes["channel"], "releases");
    let lines: Vec<&str> = trace
        .steps
        .iter()
        .map(|s| s.content.as_ref().unwrap().text())
        .collect();
    assert_eq!(lines, text.lines().collect::<Vec<_>>());
    assert_eq!(
        trace.began.unwrap().to_string(),
        "2025-06-02T09:10:00.000000Z"
    );
}

#[test]
fn chat_messages_are_mapped_by_their_roles() {
    let log = log(include_str!(
        "../../../../../examples/agent-trace/chat.jsonl"
    ));
    let trace = &log.traces[0];
    let expected = [
        "note ",
        "note ",
        "model_call unknown/-",
        "tool_call fetch_page",
        "model_call unknown/-",
    ];
    assert_eq!(words(trace), expected);
    let sources: Vec<_> = trace.steps.iter().map(|step| step.source).collect();
    let expected = [
        Some(SourceClass::Operator),
        Some(SourceClass::User),
        None,
        Some(SourceClass::Tool),
        None,
    ];
    assert_eq!(sources, expected);
    assert_eq!(trace.began, None);
}

/// Lines that say nothing of their parents derive from everything above, also where the lines between do not.
#[test]
fn a_line_without_parents_derives_from_all_above_it() {
    let text = r#"{"id":"a","source":"web"}
{"id":"b","source":"user","parents":[]}

{"id":"c","parents":["b"]}
{"kind":"tool_call","tool":"t"}
"#;
    let log = log(text);
    let trace = &log.traces[0];
    assert_eq!(parents(trace), [&[][..], &[], &[1], &[0, 2]]);
    let all = [SourceClass::User, SourceClass::Web, SourceClass::Tool];
    assert_eq!(labels(trace)[3], all);
}

#[test]
fn more_lines_than_a_step_may_derive_from_come_together_in_merges() {
    let mut text: String = (0..1000)
        .map(|n| format!("{{\"id\":\"{n}\",\"parents\":[]}}\n"))
        .collect();
    text.push_str("{\"kind\":\"artifact\",\"name\":\"all\"}\n");
    let log = log(&text);
    let steps = &log.traces[0].steps;
    let merges = steps
        .iter()
        .filter(|step| step.kind.name() == "merge")
        .count();
    assert_eq!(merges, 8);
    let last = steps.last().unwrap();
    let brought: usize = last
        .parents
        .iter()
        .map(|merge| steps[*merge].parents.len())
        .sum();
    assert_eq!((last.parents.len(), brought), (8, 1000));
}

#[test]
fn a_rule_names_the_source_of_lines() {
    let text = "{\"kind\":\"tool_call\",\"tool\":\"search\",\"source\":\"tool\"}\n{\"kind\":\"tool_call\",\"tool\":\"add\"}\n";
    let log = ruled(text, &["tool_call:search=web"]);
    let sources: Vec<_> = log.traces[0].steps.iter().map(|step| step.source).collect();
    assert_eq!(sources, [Some(SourceClass::Web), Some(SourceClass::Tool)]);
}

#[test]
fn times_are_those_of_the_lines_above_where_a_line_has_none() {
    let text = "{}\n{\"time\":\"2025-01-01T01:00:00+01:00\"}\n{}\n";
    let log = log(text);
    let times: Vec<String> = log.traces[0]
        .steps
        .iter()
        .map(|s| s.time.unwrap().to_string())
        .collect();
    assert_eq!(times, ["2025-01-01T00:00:00.000000Z"; 3]);
}

#[test]
fn a_wrong_line_is_refused_by_its_number() {
    let cases: [(&str, IsFault); 19] = [
        ("[]", |f| matches!(f, Fault::Json(_))),
        ("{\"a\":1,\"a\":1}", |f| matches!(f, Fault::Json(_))),
        ("{\"kind\":\"note\"} {}", |f| matches!(f, Fault::Json(_))),
        ("{\"kind\":7}", |f| {
            matches!(f, Fault::Member { member: "kind", .. })
        }),
        ("{\"kind\":\"thought\"}", |f| matches!(f, Fault::Kind(_))),
        ("{\"kind\":\"tool_call\"}", |f| {
            matches!(f, Fault::Missing("tool"))
        }),
        ("{\"kind\":\"tool_call\",\"tool\":\"\"}", |f| {
            matches!(f, Fault::Member { member: "tool", .. })
        }),
        ("{\"kind\":\"model_call\"}", |f| {
            matches!(f, Fault::Missing("provider"))
        }),
        (
            "{\"kind\":\"model_call\",\"provider\":\"p\",\"direction\":\"up\"}",
            |f| {
                matches!(
                    f,
                    Fault::Member {
                        member: "direction",
                        ..
                    }
                )
            },
        ),
        ("{\"kind\":\"retrieval\"}", |f| {
            matches!(f, Fault::Missing("url"))
        }),
        ("{\"kind\":\"artifact\"}", |f| {
            matches!(f, Fault::Missing("name"))
        }),
        ("{\"kind\":\"merge\"}", |f| matches!(f, Fault::Merge)),
        ("{\"source\":\"internet\"}", |f| {
            matches!(f, Fault::Source(_))
        }),
        ("{\"id\":\"first\"}", |f| matches!(f, Fault::IdTwice(_))),
        ("{\"parents\":[\"nobody\"]}", |f| {
            matches!(f, Fault::UnknownParent(_))
        }),
        ("{\"parents\":\"first\"}", |f| {
            matches!(
                f,
                Fault::Member {
                    member: "parents",
                    ..
                }
            )
        }),
        ("{\"time\":\"yesterday\"}", |f| {
            matches!(f, Fault::Member { member: "time", .. })
        }),
        ("{\"time\":\"2024-12-31T00:00:00Z\"}", |f| {
            matches!(f, Fault::Backwards)
        }),
        ("{\"attributes\":{\"a\":1}}", |f| {
            matches!(
                f,
                Fault::Member {
                    member: "attributes",
                    ..
                }
            )
        }),
    ];
    for (line, is) in cases {
        let text = format!("{{\"id\":\"first\",\"time\":\"2025-01-01T00:00:00Z\"}}\n\n{line}\n");
        let (place, fault) = fault(&text);
        assert!(place == "line 3" && is(&fault), "{line}: {place} {fault}");
    }
}
