//! Prometheus text: sizes, times, waits and backlogs. No contents, so it needs no credentials.
//!
//! Names follow the Prometheus conventions: base units in the name, moments as `…_timestamp_seconds`, counters as
//! `…_total`. A scroll's name and a witness's are labels; only the latter may need escapes.

use std::fmt::{Display, Write as _};
use std::time::Instant;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use super::App;
use crate::scroll::Scroll;
use crate::waiting::Waiting;

pub(crate) async fn metrics(State(app): State<App>) -> Response {
    let mut out = Text::default();
    out.family(
        "quorate_build_info",
        "The version, as a label.",
        [(format!("version=\"{}\"", env!("CARGO_PKG_VERSION")), 1_u64)],
    );
    out.family(
        "process_start_time_seconds",
        "When the process started, seconds since the epoch.",
        [(String::new(), seconds(app.started_at))],
    );
    let scrolls = app.scrolls();
    appending(&mut out, &scrolls);
    signing(&mut out, &scrolls);
    witnesses(&mut out, &scrolls);
    let mut out = out.0;
    if let Some(witness) = app.witness() {
        out.push_str(&witness.metrics());
    }
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], out).into_response()
}

type Scrolls = [std::sync::Arc<Scroll>];

fn appending(out: &mut Text, scrolls: &Scrolls) {
    out.each(scrolls, "quorate_tree_size", "Durable entries.", |s| {
        Some(s.reader().size())
    });
    out.each(
        scrolls,
        "quorate_record_bytes",
        "Length of the record.",
        |s| Some(s.reader().record_bytes()),
    );
    out.each(
        scrolls,
        "quorate_append_queue_requests",
        "Requests waiting to be committed.",
        |s| s.backlog().map(|b| b.0),
    );
    out.each(
        scrolls,
        "quorate_append_queue_bytes",
        "Bytes waiting to be committed.",
        |s| s.backlog().map(|b| b.1),
    );
    out.each(
        scrolls,
        "quorate_append_refused",
        "1 if the last group commit was refused by the disk, or the scroll takes no more.",
        |s| Some(u8::from(s.progress()?.refusal().is_some())),
    );
}

fn signing(out: &mut Text, scrolls: &Scrolls) {
    let now = Instant::now();
    let waited = |waiting: &Waiting| {
        let since = waiting.since();
        since.map_or(0.0, |at| now.saturating_duration_since(at).as_secs_f64())
    };
    out.each(
        scrolls,
        "quorate_checkpoint_tree_size",
        "Entries under the newest checkpoint.",
        |s| s.checkpoints().newest().map(|n| n.size),
    );
    out.each(
        scrolls,
        "quorate_checkpoint_timestamp_seconds",
        "When the newest checkpoint was signed.",
        |s| s.checkpoints().newest().map(|n| seconds(n.signed_at)),
    );
    out.each(
        scrolls,
        "quorate_checkpoint_wait_seconds",
        "How long the entry that has waited longest for a checkpoint does; 0 if none does.",
        |s| s.progress().map(|p| waited(&p.checkpoint)),
    );
    out.each(
        scrolls,
        "quorate_signing_halted",
        "1 if nothing new is signed until an operator has looked.",
        |s| Some(u8::from(s.halted().is_some())),
    );
    out.each(
        scrolls,
        "quorate_quorum_tree_size",
        "Entries under the newest quorate checkpoint.",
        |s| Some(s.witnessing()?.newest().map_or(0, |n| n.size)),
    );
    out.each(
        scrolls,
        "quorate_quorum_timestamp_seconds",
        "When the newest quorate checkpoint met its quorum.",
        |s| Some(seconds(s.witnessing()?.newest()?.signed_at)),
    );
    out.each(
        scrolls,
        "quorate_quorum_wait_seconds",
        "How long the entry that has waited longest for its quorum does; 0 if none does.",
        |s| {
            s.witnessing()?;
            s.progress().map(|p| waited(&p.quorum))
        },
    );
}

fn witnesses(out: &mut Text, scrolls: &Scrolls) {
    let mut sizes = Vec::new();
    let mut times = Vec::new();
    let mut failing = Vec::new();
    for scroll in scrolls {
        let Some(witnessing) = scroll.witnessing() else {
            continue;
        };
        for member in witnessing.roster.members() {
            let label = format!(
                "scroll=\"{}\",witness=\"{}\"",
                scroll.spec().name,
                member.name.replace('\\', "\\\\").replace('"', "\\\"")
            );
            if let Some((size, at)) = member.cosigned {
                sizes.push((label.clone(), size));
                times.push((label.clone(), seconds(at)));
            }
            failing.push((label, u8::from(member.trouble.is_some())));
        }
    }
    out.family(
        "quorate_cosigned_tree_size",
        "Entries under the newest checkpoint that the witness co-signed.",
        sizes,
    );
    out.family(
        "quorate_cosigned_timestamp_seconds",
        "When it did, by its clock.",
        times,
    );
    out.family(
        "quorate_cosigning_failing",
        "1 if the witness did not co-sign when it was last asked.",
        failing,
    );
}

/// Microseconds since the epoch as seconds.
fn seconds(micros: i64) -> f64 {
    #[expect(
        clippy::cast_precision_loss,
        reason = "a microsecond more or less, and exact until the year 2255"
    )]
    let micros = micros as f64;
    micros / 1e6
}

/// Families of gauges.
#[derive(Debug, Default)]
struct Text(String);

impl Text {
    fn family<V: Display>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (String, V)>,
    ) {
        let mut samples = samples.into_iter().peekable();
        if samples.peek().is_none() {
            return;
        }
        let _infallible = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} gauge");
        for (labels, value) in samples {
            let labels = if labels.is_empty() {
                labels
            } else {
                format!("{{{labels}}}")
            };
            let _infallible = writeln!(self.0, "{name}{labels} {value}");
        }
    }

    /// A value for each scroll that has one.
    fn each<V: Display>(
        &mut self,
        scrolls: &Scrolls,
        name: &str,
        help: &str,
        value: impl Fn(&Scroll) -> Option<V>,
    ) {
        let samples = scrolls
            .iter()
            .filter_map(|s| Some((format!("scroll=\"{}\"", s.spec().name), value(s)?)));
        self.family(name, help, samples);
    }
}
