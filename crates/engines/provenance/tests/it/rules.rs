//! Rules about what may derive from what.

use quorate_provenance::{
    FlowViolation, Invalid, Label, Level, MAX_RULES, Payload, Rules, RulesError, Session, Sink,
    SourceClass, StepDraft,
};
use quorate_receipt::{Sha256Text, json};

use crate::support::{open, refused, time};

fn parse(text: &str) -> Result<Rules, RulesError> {
    Rules::parse(&json::parse(text.as_bytes()).unwrap())
}

/// Takes one step with this source under these rules.
fn flows(rules: &str, draft: StepDraft, source: SourceClass) -> Option<FlowViolation> {
    let (mut recorder, opening) = open(1);
    let mut session = Session::open_under(&opening, parse(rules).unwrap()).unwrap();
    let step = recorder.step(draft.source(source), time(1)).unwrap();
    if session.clone().take(&step).is_ok() {
        return None;
    }
    match refused(&mut session, &step) {
        Invalid::Flow(violation) => Some(violation),
        other => panic!("{other}"),
    }
}

#[test]
fn a_sink_takes_nothing_below_the_level_that_it_requires() {
    let rules = r#"[{"sink":{"kind":"tool_call","name":"pay"},"require":"untrusted"}]"#;
    let pay = || StepDraft::tool_call("pay");
    assert_eq!(flows(rules, pay(), SourceClass::User), None);
    assert_eq!(flows(rules, pay(), SourceClass::Tool), None);
    assert_eq!(
        flows(rules, pay(), SourceClass::Web),
        Some(FlowViolation::Level {
            sink: Sink::ToolCall(Some("pay".into())),
            required: Level::Untrusted,
            label: Label::of(SourceClass::Web),
        })
    );
}

#[test]
fn a_sink_takes_nothing_that_derives_from_what_it_excludes() {
    let rules = r#"[{"sink":{"kind":"artifact","name":"*"},"without":["memory","web"]}]"#;
    let report = || StepDraft::artifact("report", None);
    assert_eq!(flows(rules, report(), SourceClass::Tool), None);
    for class in [SourceClass::Memory, SourceClass::Web] {
        assert_eq!(
            flows(rules, report(), class),
            Some(FlowViolation::Source {
                sink: Sink::Artifact(None),
                class,
                label: Label::of(class),
            })
        );
    }
}

#[test]
fn a_rule_is_about_its_kind_and_name_only() {
    let named = r#"[{"sink":{"kind":"tool_call","name":"pay"},"require":"trusted"}]"#;
    let any = r#"[{"sink":{"kind":"tool_call","name":"*"},"require":"trusted"}]"#;
    let breaks = |rules, draft| flows(rules, draft, SourceClass::Web).is_some();
    assert!(breaks(named, StepDraft::tool_call("pay")));
    assert!(!breaks(named, StepDraft::tool_call("pay2")));
    assert!(!breaks(named, StepDraft::artifact("pay", None)));
    assert!(breaks(any, StepDraft::tool_call("pay2")));
    assert!(!breaks(any, StepDraft::artifact("pay", None)));
    assert!(!breaks(any, StepDraft::note()));
}

/// The payload derives from all steps, whatever they are called.
#[test]
fn a_payload_that_derives_from_what_a_rule_keeps_out_is_not_closed_over() {
    let rules = r#"[{"sink":{"kind":"payload"},"without":["web"],"require":"untrusted"}]"#;
    let closes = |sources: &[SourceClass], bound: bool| {
        let (mut recorder, opening) = open(1);
        let mut session = Session::open_under(&opening, parse(rules).unwrap()).unwrap();
        for source in sources {
            let step = recorder.step(StepDraft::note().source(*source), time(1));
            session.take(&step.unwrap()).unwrap();
        }
        let payload = Payload {
            hash: Sha256Text::from_bytes([1; 32]),
            media_type: None,
        };
        let closing = recorder.close(bound.then_some(payload), time(2)).unwrap();
        match session.clone().take(&closing) {
            Ok(_) => true,
            Err(Invalid::Flow(_)) => {
                refused(&mut session, &closing);
                false
            }
            Err(other) => panic!("{other}"),
        }
    };
    assert!(closes(&[SourceClass::User, SourceClass::Tool], true));
    assert!(!closes(&[SourceClass::Web, SourceClass::User], true));
    // Nothing was declared to come from anywhere.
    assert!(!closes(&[], true));
    assert!(closes(&[SourceClass::Web], false));
}

#[test]
fn every_rule_must_hold() {
    let rules = r#"[
        {"sink":{"kind":"tool_call","name":"pay"},"require":"untrusted"},
        {"sink":{"kind":"tool_call","name":"*"},"without":["tool"]}]"#;
    let pay = || StepDraft::tool_call("pay");
    assert!(flows(rules, pay(), SourceClass::Tool).is_some());
    assert!(flows(rules, pay(), SourceClass::Web).is_some());
    assert!(flows(rules, pay(), SourceClass::User).is_none());
}

#[test]
fn rules_are_read_strictly() {
    let sink = r#""sink":{"kind":"tool_call","name":"t"}"#;
    let fine = [
        r#"[{"sink":{"kind":"payload"},"without":["web"]}]"#.to_owned(),
        format!(r#"[{{{sink},"require":"trusted"}}]"#),
        format!(r#"[{{{sink},"require":"adversarial","without":["web","undeclared"]}}]"#),
    ];
    for text in fine {
        assert!(parse(&text).is_ok(), "{text}");
    }
    let form = RulesError::Form { index: 0 };
    let level = RulesError::Level { index: 0 };
    let without = RulesError::Without { index: 0 };
    let wrong_sink = RulesError::Sink { index: 0 };
    for (text, error) in [
        ("{}".to_owned(), RulesError::NotAnArray),
        ("[]".to_owned(), RulesError::None),
        (
            format!(r#"[{{{sink},"require":"adversarial"}}]"#),
            RulesError::Nothing { index: 0 },
        ),
        (
            r#"[{"sink":{"kind":"payload","name":"x"},"without":["web"]}]"#.to_owned(),
            wrong_sink.clone(),
        ),
        ("[1]".to_owned(), form.clone()),
        (format!("[{{{sink}}}]"), form.clone()),
        (
            r#"[{"require":"trusted","without":["web"]}]"#.to_owned(),
            form.clone(),
        ),
        (format!(r#"[{{{sink},"require":"trusted","x":1}}]"#), form),
        (format!(r#"[{{{sink},"require":"high"}}]"#), level.clone()),
        (format!(r#"[{{{sink},"require":null}}]"#), level),
        (format!(r#"[{{{sink},"without":[]}}]"#), without.clone()),
        (
            format!(r#"[{{{sink},"without":["web","web"]}}]"#),
            without.clone(),
        ),
        (
            format!(r#"[{{{sink},"without":["internet"]}}]"#),
            without.clone(),
        ),
        (format!(r#"[{{{sink},"without":"web"}}]"#), without),
        (
            r#"[{"sink":"tool_call","require":"trusted"}]"#.to_owned(),
            wrong_sink.clone(),
        ),
        (
            r#"[{"sink":{"kind":"note","name":"*"},"require":"trusted"}]"#.to_owned(),
            wrong_sink.clone(),
        ),
        (
            r#"[{"sink":{"kind":"artifact"},"require":"trusted"}]"#.to_owned(),
            wrong_sink.clone(),
        ),
        (
            r#"[{"sink":{"kind":"artifact","name":""},"require":"trusted"}]"#.to_owned(),
            wrong_sink.clone(),
        ),
        (
            r#"[{"sink":{"kind":"artifact","name":"a","x":1},"require":"trusted"}]"#.to_owned(),
            wrong_sink,
        ),
    ] {
        assert_eq!(parse(&text), Err(error), "{text}");
    }
    let second = format!(r#"[{{{sink},"require":"trusted"}},{{{sink},"require":"x"}}]"#);
    assert_eq!(parse(&second), Err(RulesError::Level { index: 1 }));
}

#[test]
fn rules_are_bounded_in_number() {
    let rule = r#"{"sink":{"kind":"tool_call","name":"t"},"require":"trusted"}"#;
    let many = |n: usize| format!("[{}]", vec![rule; n].join(","));
    let rules = parse(&many(MAX_RULES)).unwrap();
    assert_eq!(rules.iter().len(), MAX_RULES);
    let error = RulesError::TooMany(MAX_RULES + 1);
    assert_eq!(parse(&many(MAX_RULES + 1)), Err(error.clone()));
    let mut more: Vec<_> = rules.iter().cloned().collect();
    more.push(more[0].clone());
    assert_eq!(Rules::new(more), Err(error));
}
