//! Which steps may derive from what.

use quorate_receipt::json::{Object, Value};

use crate::label::{Label, Level, SourceClass};
use crate::members::{self, is_name};
use crate::record::{Step, StepKind};

/// How many rules there may be. Each step is compared with each.
pub const MAX_RULES: usize = 1024;

/// Any name of its kind.
const ANY: &str = "*";

/// What a rule is about: where content leaves the session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sink {
    /// Calls of this tool; without a name, of any.
    ToolCall(Option<Box<str>>),
    /// Artifacts of this name; without a name, any.
    Artifact(Option<Box<str>>),
    /// What a closing binds. It derives from every step of its session.
    Payload,
}

impl Sink {
    fn is(&self, kind: &StepKind) -> bool {
        let (wanted, name) = match (self, kind) {
            (Self::ToolCall(wanted), StepKind::ToolCall { tool }) => (wanted, tool),
            (Self::Artifact(wanted), StepKind::Artifact { name, .. }) => (wanted, name),
            _ => return false,
        };
        wanted.as_ref().is_none_or(|wanted| **wanted == **name)
    }
}

impl Sink {
    /// Kind and name, as rules write them. A payload has no name.
    #[must_use]
    pub fn parts(&self) -> (&'static str, Option<&str>) {
        let (kind, name) = match self {
            Self::ToolCall(name) => ("tool_call", name),
            Self::Artifact(name) => ("artifact", name),
            Self::Payload => return ("payload", None),
        };
        (kind, Some(name.as_deref().unwrap_or(ANY)))
    }
}

impl std::fmt::Display for Sink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.parts() {
            (kind, Some(name)) => write!(f, "{kind} {name}"),
            (kind, None) => f.write_str(kind),
        }
    }
}

/// What may flow into one sink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The steps it is about.
    pub sink: Sink,
    /// The lowest level they may have.
    pub require: Option<Level>,
    /// What they must not derive from.
    pub without: Label,
}

/// Rules, all of which must hold. There are none by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules(Vec<Rule>);

/// Rules that are not in the accepted form. `index` counts from zero.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RulesError {
    /// Not an array.
    #[error("rules are an array of objects")]
    NotAnArray,
    /// An array without rules, which looks like a restriction and is none.
    #[error("no rules at all: leave them out")]
    None,
    /// More than [`MAX_RULES`].
    #[error("{0} rules, but at most {MAX_RULES} are allowed")]
    TooMany(usize),
    /// Members are missing, unknown or of another type.
    #[error(
        "rule {index}: expected `{{\"sink\":…,\"require\":…,\"without\":[…]}}` and nothing else, with `require`, `without` or both"
    )]
    Form {
        /// Which rule.
        index: usize,
    },
    /// The sink.
    #[error(
        "rule {index}: expected `{{\"kind\":\"tool_call\"|\"artifact\",\"name\":…}}` or `{{\"kind\":\"payload\"}}` as its sink; the name `*` means any"
    )]
    Sink {
        /// Which rule.
        index: usize,
    },
    /// The level.
    #[error("rule {index}: `require` is `trusted`, `untrusted` or `adversarial`")]
    Level {
        /// Which rule.
        index: usize,
    },
    /// A level that every step has.
    #[error("rule {index}: it asks for nothing, since every step is at least `adversarial`")]
    Nothing {
        /// Which rule.
        index: usize,
    },
    /// A class that is unknown or named twice, or none at all.
    #[error("rule {index}: `without` names one or more source classes, each once")]
    Without {
        /// Which rule.
        index: usize,
    },
}

/// A step or a payload that derives from what a rule keeps out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FlowViolation {
    /// The step's level is below what the sink requires.
    #[error("{sink} requires level {required}, but it derives from {label}, which is {}", label.level())]
    Level {
        /// The rule's sink.
        sink: Sink,
        /// What it requires.
        required: Level,
        /// The step's label.
        label: Label,
    },
    /// The step derives from a class that the sink excludes.
    #[error("{sink} must not derive from {class}, but it derives from {label}")]
    Source {
        /// The rule's sink.
        sink: Sink,
        /// The excluded class.
        class: SourceClass,
        /// The step's label.
        label: Label,
    },
}

impl Rules {
    /// Rules that were built here.
    ///
    /// # Errors
    /// [`RulesError::TooMany`].
    pub fn new(rules: Vec<Rule>) -> Result<Self, RulesError> {
        if rules.len() > MAX_RULES {
            return Err(RulesError::TooMany(rules.len()));
        }
        Ok(Self(rules))
    }

    /// Reads an array of `{"sink":{"kind":"tool_call"|"artifact","name":NAME},"require":LEVEL,"without":[CLASS,…]}`
    /// or `{"sink":{"kind":"payload"},…}`. `require` or `without` may be left out, not both, and a rule must ask for
    /// something.
    ///
    /// # Errors
    /// [`RulesError`] names the first rule that is wrong.
    pub fn parse(value: &Value) -> Result<Self, RulesError> {
        let items = value.as_array().ok_or(RulesError::NotAnArray)?;
        if items.is_empty() {
            return Err(RulesError::None);
        }
        if items.len() > MAX_RULES {
            return Err(RulesError::TooMany(items.len()));
        }
        let rules = items.iter().enumerate();
        rules
            .map(|(index, item)| rule(index, item))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// The rules.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Rule> {
        self.0.iter()
    }

    /// Which rules are about a step of this kind, by their places, counted from zero.
    pub fn about(&self, kind: &StepKind) -> impl Iterator<Item = usize> {
        self.places(|sink| sink.is(kind))
    }

    /// Which rules are about what a closing binds.
    pub fn about_payload(&self) -> impl Iterator<Item = usize> {
        self.places(|sink| *sink == Sink::Payload)
    }

    fn places(&self, is_about: impl Fn(&Sink) -> bool) -> impl Iterator<Item = usize> {
        let rules = self.0.iter().enumerate();
        rules.filter_map(move |(place, rule)| is_about(&rule.sink).then_some(place))
    }

    /// Checks a step whose label is known.
    ///
    /// # Errors
    /// [`FlowViolation`] of the first rule that it breaks.
    pub fn check(&self, step: &Step, label: Label) -> Result<(), FlowViolation> {
        self.check_where(|sink| sink.is(&step.kind), label)
    }

    /// Checks a closing that binds a payload; `label` is that of all steps together.
    ///
    /// # Errors
    /// As [`Rules::check`].
    pub fn check_payload(&self, label: Label) -> Result<(), FlowViolation> {
        self.check_where(|sink| *sink == Sink::Payload, label)
    }

    fn check_where(
        &self,
        is_about: impl Fn(&Sink) -> bool,
        label: Label,
    ) -> Result<(), FlowViolation> {
        for rule in self.0.iter().filter(|rule| is_about(&rule.sink)) {
            if let Some(required) = rule.require.filter(|required| label.level() < *required) {
                return Err(FlowViolation::Level {
                    sink: rule.sink.clone(),
                    required,
                    label,
                });
            }
            if let Some(class) = label.classes().find(|class| rule.without.contains(*class)) {
                return Err(FlowViolation::Source {
                    sink: rule.sink.clone(),
                    class,
                    label,
                });
            }
        }
        Ok(())
    }
}

fn rule(index: usize, value: &Value) -> Result<Rule, RulesError> {
    let form = || RulesError::Form { index };
    let object = value.as_object().ok_or_else(form)?;
    members::only(object, "rule", &["sink", "require", "without"]).map_err(|_| form())?;
    if object.len() < 2 {
        return Err(form());
    }
    let sink = object.get("sink").ok_or_else(form)?;
    let sink = sink
        .as_object()
        .and_then(read_sink)
        .ok_or(RulesError::Sink { index })?;
    let level = |value: &Value| value.as_str().and_then(Level::from_name);
    let require = object
        .get("require")
        .map(|value| level(value).ok_or(RulesError::Level { index }))
        .transpose()?;
    let without = match object.get("without") {
        Some(value) => classes(value).ok_or(RulesError::Without { index })?,
        None => Label::TOP,
    };
    if without == Label::TOP && require.is_none_or(|level| level == Level::Adversarial) {
        return Err(RulesError::Nothing { index });
    }
    Ok(Rule {
        sink,
        require,
        without,
    })
}

fn read_sink(object: &Object) -> Option<Sink> {
    if object.len() == 1 && object.get_str("kind") == Some("payload") {
        return Some(Sink::Payload);
    }
    let name = object.get_str("name").filter(|name| is_name(name))?;
    let name = (name != ANY).then(|| name.into());
    match object.get_str("kind")? {
        _ if object.len() != 2 => None,
        "tool_call" => Some(Sink::ToolCall(name)),
        "artifact" => Some(Sink::Artifact(name)),
        _ => None,
    }
}

fn classes(value: &Value) -> Option<Label> {
    let mut label = Label::TOP;
    for item in value.as_array()? {
        let class = SourceClass::from_name(item.as_str()?)?;
        if label.contains(class) {
            return None;
        }
        label = label | class;
    }
    (label != Label::TOP).then_some(label)
}
