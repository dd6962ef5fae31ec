//! What goes back: one JSON text.

use std::fmt::Display;

use quorate_receipt::json::MAX_SAFE_INTEGER;
use serde::Serialize;
use serde_json::{Value, json};

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// Stable, for programs.
    code: &'static str,
    /// For people.
    message: String,
}

impl Refusal {
    pub(crate) fn new(code: &'static str, message: impl Display) -> Self {
        let message = message.to_string();
        Self { code, message }
    }
}

pub(crate) fn answer(result: Result<Value, Refusal>) -> String {
    let answer = match result {
        Ok(value) => json!({ "ok": value }),
        Err(Refusal { code, message }) => json!({"error": {"code": code, "message": message}}),
    };
    answer.to_string()
}

/// As JSON in which each number is one that a JavaScript `number` holds exactly: a report that came out rounded would say
/// something that was not proven.
pub(crate) fn plain(view: &impl Serialize) -> Result<Value, Refusal> {
    let value = serde_json::to_value(view).map_err(|error| Refusal::new("internal", error))?;
    match inexact(&value) {
        None => Ok(value),
        Some(number) => Err(Refusal::new(
            "number-inexact",
            format_args!(
                "the report holds {number}, which JavaScript would round; verify with the command line"
            ),
        )),
    }
}

fn inexact(value: &Value) -> Option<&serde_json::Number> {
    match value {
        Value::Number(number) => {
            let exact = number.as_u64().is_some_and(|n| n <= MAX_SAFE);
            (!exact).then_some(number)
        }
        Value::Array(list) => list.iter().find_map(inexact),
        Value::Object(members) => members.values().find_map(inexact),
        Value::Null | Value::Bool(_) | Value::String(_) => None,
    }
}

const MAX_SAFE: u64 = MAX_SAFE_INTEGER.unsigned_abs();

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_javascript_would_round_is_refused() {
        assert!(plain(&json!({"a": [9_007_199_254_740_991_u64]})).is_ok());
        for bad in [json!(9_007_199_254_740_992_u64), json!(u64::MAX), json!(-1)] {
            let refusal = plain(&json!({"a": [0, {"b": bad}]})).unwrap_err();
            assert_eq!(refusal.code, "number-inexact");
        }
    }
}
