//! `{"now":…,"payloadSha256":…}`.

use quorate_receipt::{Sha256Text, Timestamp};
use serde_json::{Map, Value};

use crate::answer::Refusal;

/// What the caller adds to a bundle and an anchor.
#[derive(Debug)]
pub(crate) struct Options {
    /// Decides what has expired.
    pub(crate) now: Timestamp,
    /// Of a payload that is not in the bundle.
    pub(crate) payload: Option<Sha256Text>,
}

impl Options {
    /// A misspelt option would be a check that is not made, so an unknown one is refused.
    pub(crate) fn read(text: &str) -> Result<Self, Refusal> {
        let invalid = |what: String| Refusal::new("options-invalid", what);
        let options: Map<String, Value> = serde_json::from_str(text)
            .map_err(|error| invalid(format!("the options are no JSON object: {error}")))?;
        let (mut now, mut payload) = (None, None);
        for (name, value) in &options {
            let value = value.as_str();
            match &**name {
                "now" => {
                    let time = value.and_then(|text| Timestamp::parse(text.as_bytes()).ok());
                    let form = "`now` must be a time like 2026-11-27T12:00:00Z (RFC 3339, in UTC)";
                    now = Some(time.ok_or_else(|| invalid(form.into()))?);
                }
                "payloadSha256" => {
                    let hash = value.and_then(|text| text.parse().ok());
                    let form =
                        "`payloadSha256` must be `sha256:` and 64 lower-case hexadecimal digits";
                    payload = Some(hash.ok_or_else(|| invalid(form.into()))?);
                }
                other => {
                    return Err(invalid(format!(
                        "there is no option `{other}`; there are `now` and `payloadSha256`"
                    )));
                }
            }
        }
        let now = now.ok_or_else(|| invalid("`now` is missing".into()))?;
        Ok(Self { now, payload })
    }
}
