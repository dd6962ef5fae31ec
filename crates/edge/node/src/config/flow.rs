//! `[[flow]]`: what may derive from what.

use quorate_provenance::{Label, Level, Rule, Rules, Sink, SourceClass};
use serde::Deserialize;

use super::ConfigError;

/// One rule.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FlowFile {
    kind: String,
    name: Option<String>,
    require: Option<String>,
    #[serde(default)]
    without: Vec<String>,
}

pub(super) fn rules(files: Vec<FlowFile>) -> Result<Rules, ConfigError> {
    let mut rules = Vec::with_capacity(files.len());
    for (n, file) in files.into_iter().enumerate() {
        let rule = rule(file).map_err(|what| ConfigError::FlowRule { index: n + 1, what })?;
        rules.push(rule);
    }
    Ok(Rules::new(rules)?)
}

fn rule(file: FlowFile) -> Result<Rule, String> {
    let named = |name: Option<String>| {
        let name = name.ok_or("it has no name: say which, or \"*\" for any".to_owned())?;
        Ok::<_, String>((name != "*").then(|| name.into_boxed_str()))
    };
    let sink = match file.kind.as_str() {
        "tool_call" => Sink::ToolCall(named(file.name)?),
        "artifact" => Sink::Artifact(named(file.name)?),
        "payload" if file.name.is_some() => return Err("a payload has no name".to_owned()),
        "payload" => Sink::Payload,
        other => {
            return Err(format!(
                "kind {other:?} is none of tool_call, artifact, payload"
            ));
        }
    };
    let require = match file.require {
        None => None,
        Some(level) => Some(Level::from_name(&level).ok_or(format!(
            "require {level:?} is none of trusted, untrusted, adversarial"
        ))?),
    };
    let mut without = Label::TOP;
    for class in file.without {
        let known = SourceClass::from_name(&class);
        let known = known.ok_or(format!("without {class:?} is no class of sources"))?;
        without = without.meet(Label::of(known));
    }
    if without == Label::TOP && require.is_none_or(|level| level == Level::Adversarial) {
        return Err(
            "it asks for nothing: give require (trusted, untrusted), without or both".to_owned(),
        );
    }
    Ok(Rule {
        sink,
        require,
        without,
    })
}
