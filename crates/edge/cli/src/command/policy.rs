//! `quorate policy …`: what others need to verify with.

use serde_json::json;

use crate::args::Policy;
use crate::client::{Client, Without};
use crate::failure::Stop;
use crate::local::Settings;
use crate::out::{Out, Sink};
use crate::uri::Uri;

pub(super) async fn run(settings: &Settings, policy: Policy, out: Out) -> Result<(), Stop> {
    let Policy::Show { scroll, output } = policy;
    let what = format!("cannot show the policy of {scroll}");
    let mut client = Client::connect(settings, Without::Read).await?;
    let text = client
        .get_octets(&Uri::path(&["scrolls", &scroll, "policy"]), &what)
        .await?;
    if out.json() && output.is_none() {
        let answer = json!({"scroll": scroll, "policy": String::from_utf8_lossy(&text)});
        return out.line(&answer.to_string());
    }
    let mut sink = Sink::open(output.as_deref())?;
    sink.write(&text)?;
    sink.finish()
}
