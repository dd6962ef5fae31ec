//! Chat messages, as model APIs write them: what a `role` means for a line that has no `kind`.

use std::collections::HashMap;

use quorate_provenance::{Direction, MAX_NAME_LEN, SourceClass, StepKind};

use crate::content::fitted;
use crate::convention::Meaning;
use crate::error::Fault;
use crate::jsonl::text;
use crate::raw::{Members, items, string};

/// The tools that a model asked for, by the ids of the calls.
#[derive(Debug, Default)]
pub(crate) struct Calls(HashMap<String, String>);

impl Calls {
    pub(crate) fn meaning(&mut self, members: &Members<'_>, role: &str) -> Result<Meaning, Fault> {
        let note = |source| Meaning {
            kind: StepKind::Note,
            source,
        };
        Ok(match role {
            "user" => note(Some(SourceClass::User)),
            "system" | "developer" => note(Some(SourceClass::Operator)),
            "assistant" => {
                self.remember(members)?;
                let model = text(members, "model")?;
                let provider = text(members, "provider")?.unwrap_or_default();
                Meaning {
                    kind: StepKind::ModelCall {
                        provider: fitted(&provider, MAX_NAME_LEN).into(),
                        model: model.map(|model| fitted(&model, MAX_NAME_LEN).into()),
                        direction: Direction::Response,
                    },
                    source: None,
                }
            }
            "tool" | "function" => {
                let named = text(members, "name")?;
                let asked = text(members, "tool_call_id")?.and_then(|id| self.0.get(&id).cloned());
                let tool = named.or(asked).unwrap_or_default();
                Meaning {
                    kind: StepKind::ToolCall {
                        tool: fitted(&tool, MAX_NAME_LEN).into(),
                    },
                    source: Some(SourceClass::Tool),
                }
            }
            _ => note(None),
        })
    }

    fn remember(&mut self, members: &Members<'_>) -> Result<(), Fault> {
        let expected = || Fault::Member {
            member: "tool_calls",
            expected: "an array of `{\"id\":…,\"function\":{\"name\":…}}`",
        };
        let Some(calls) = members.get("tool_calls") else {
            return Ok(());
        };
        for call in items(calls).ok_or_else(expected)? {
            let call = Members::of(call)?;
            let id = call.get("id").and_then(string).ok_or_else(expected)?;
            let function = call.get("function").ok_or_else(expected)?;
            let name = Members::of(function)?.get("name").and_then(string);
            self.0.insert(id, name.ok_or_else(expected)?);
        }
        Ok(())
    }
}
