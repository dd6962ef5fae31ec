//! Sealed content that a bundle shows.
//!
//! The verifier keeps commitments to it and not the content. A bundle that it accepted has one form and shows nothing that a
//! step did not commit to, so what stands there may be taken from the text.

use quorate_note::base64;
use serde::Deserialize;
use serde_json::Value;

/// A bundle, or what is around one.
#[derive(Deserialize)]
struct File {
    #[serde(default)]
    sealed: Vec<Shown>,
    /// Of a presentation.
    bundle: Option<Box<Self>>,
    /// Of an attestation's envelope: base64 of the statement. Of a bundle it may be any value.
    #[serde(rename = "payloadType")]
    payload_type: Option<String>,
    payload: Option<Value>,
    /// Of an attestation's statement.
    predicate: Option<Box<Self>>,
}

#[derive(Deserialize)]
struct Shown {
    sequence: u64,
    /// In base64.
    content: String,
}

/// Adds `content_shown` to the steps of an accepted bundle whose sealed content it shows.
pub(crate) fn add(steps: &mut Value, accepted: &[u8]) {
    for Shown { sequence, content } in shown(accepted) {
        let place = usize::try_from(sequence)
            .ok()
            .and_then(|n| n.checked_sub(1));
        let step = place.and_then(|place| steps.get_mut(place));
        if let Some(step) = step.filter(|step| step["content"] == "sealed") {
            step["content_shown"] = Value::String(content);
        }
    }
}

fn shown(accepted: &[u8]) -> Vec<Shown> {
    let Ok(file) = serde_json::from_slice::<File>(accepted) else {
        return Vec::new();
    };
    match file {
        File {
            payload_type: Some(_),
            payload: Some(Value::String(statement)),
            ..
        } => base64::decode(statement.as_bytes()).map_or_else(|_| Vec::new(), |text| shown(&text)),
        File {
            bundle: Some(inner),
            ..
        }
        | File {
            predicate: Some(inner),
            ..
        } => inner.sealed,
        File { sealed, .. } => sealed,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SEALED: &str = r#""payload":{"payload":"x"},"sealed":[{"content":"aGk=","salt":"","sequence":2}],"steps":[]"#;

    fn added(text: &str) -> Value {
        let mut steps = json!([{"content": "sealed"}, {"content": "sealed"}, {}]);
        add(&mut steps, text.as_bytes());
        steps
    }

    #[test]
    fn what_is_shown_goes_to_its_step_in_every_kind_of_file() {
        let bundle = format!("{{{SEALED}}}");
        let statement = format!(r#"{{"_type":"t","predicate":{bundle},"subject":[]}}"#);
        let payload = base64::encode(statement.as_bytes());
        let files = [
            bundle.clone(),
            format!(r#"{{"bundle":{bundle},"presentation":{{}}}}"#),
            format!(r#"{{"payload":"{payload}","payloadType":"t","signatures":[]}}"#),
        ];
        for file in files {
            let steps = added(&file);
            assert_eq!(steps[1]["content_shown"], "aGk=", "{file}");
            assert!(steps[0].get("content_shown").is_none());
        }
    }

    #[test]
    fn nothing_goes_to_a_step_that_sealed_nothing_or_is_not_there() {
        for sequence in ["0", "3", "4", "18446744073709551615"] {
            let other = SEALED.replace("\"sequence\":2", &format!("\"sequence\":{sequence}"));
            assert!(!added(&format!("{{{other}}}")).to_string().contains("shown"));
        }
    }
}
