//! Prometheus text: sizes, ages and backlogs. No contents, so it needs no credentials.

use std::fmt::Write as _;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use super::App;
use crate::clock;

pub(crate) async fn metrics(State(app): State<App>) -> Response {
    let mut out = String::new();
    if let Some(witness) = app.witness() {
        out.push_str(&witness.metrics());
    }
    let now = clock::now_micros();
    let scrolls = app.scrolls();
    let mut family = |name: &str,
                      kind: &str,
                      help: &str,
                      value: &dyn Fn(&crate::scroll::Scroll) -> Option<f64>| {
        let _infallible = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for scroll in &scrolls {
            if let Some(v) = value(scroll) {
                let _infallible = writeln!(out, "{name}{{scroll=\"{}\"}} {v}", scroll.spec().name);
            }
        }
    };
    #[expect(
        clippy::cast_precision_loss,
        reason = "metrics are floats; sizes beyond 2^53 are not reached"
    )]
    {
        family("quorate_scroll_size", "gauge", "Durable entries.", &|s| {
            Some(s.reader().size() as f64)
        });
        family(
            "quorate_checkpoint_size",
            "gauge",
            "Entries under the newest checkpoint.",
            &|s| s.checkpoints().newest().map(|n| n.size as f64),
        );
        family(
            "quorate_checkpoint_age_seconds",
            "gauge",
            "Age of the newest checkpoint.",
            &|s| {
                s.checkpoints()
                    .newest()
                    .map(|n| (now - n.signed_at) as f64 / 1e6)
            },
        );
        family(
            "quorate_append_queue_requests",
            "gauge",
            "Requests waiting to be committed.",
            &|s| s.backlog().map(|b| b.0 as f64),
        );
        family(
            "quorate_append_queue_bytes",
            "gauge",
            "Bytes waiting to be committed.",
            &|s| s.backlog().map(|b| b.1 as f64),
        );
    }
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], out).into_response()
}
