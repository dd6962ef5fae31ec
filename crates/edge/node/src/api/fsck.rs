//! `POST /scrolls/{scroll}/fsck`: everything again from the record, beside writers and readers.

use std::path::Path;
use std::sync::Arc;

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::{Path as UrlPath, State};
use axum::http::{HeaderValue, Response, StatusCode, header};
use quorate_store::{FsckReport, Progress};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::App;
use super::admin::operator;
use super::error::ApiError;
use crate::auth::Principal;

/// Lines that wait for a slow reader. Progress beyond them is left out; room for the last line is kept.
const WAITING: usize = 16;

/// NDJSON: lines `{"progress":{"done","total"}}` as the check goes on, then one line `{"report":…}`, or
/// `{"error":…}` where it could not be made. It covers the entries that are durable when it begins.
pub(crate) async fn fsck(
    State(app): State<App>,
    Extension(principal): Extension<Principal>,
    UrlPath(name): UrlPath<String>,
) -> Result<Response<Body>, ApiError> {
    operator(&principal)?;
    let scroll = app.scroll(&name)?;
    // A check reads everything and keeps maintenance waiting: one at a time is enough.
    let permit = Arc::clone(&app.checking).try_acquire_owned().map_err(|_| {
        ApiError::new(
            StatusCode::CONFLICT,
            "check-runs",
            "another check runs on this node",
            "wait until it has ended",
        )
    })?;
    let (lines, waiting) = mpsc::channel(WAITING);
    tokio::task::spawn_blocking(move || {
        let expected = scroll.checkpoints().newest().map(|n| (n.size, n.root));
        let mut progress = |p: Progress| {
            if lines.capacity() > 1 {
                let line = json!({"progress": {"done": p.done, "total": p.total}});
                // A reader that went away does not stop the check.
                let _gone = lines.try_send(line);
            }
        };
        let last = match scroll.reader().fsck(expected, &mut progress) {
            Ok(report) => {
                let name = &scroll.spec().name;
                json!({"report": fsck_value(name, &report, &app.config.data_dir)})
            }
            Err(e) => json!({"error": {
                "code": "disk",
                "message": e.to_string(),
                "hint": "check the disk and the permissions",
            }}),
        };
        // Before the last line: whoever has read it may ask for the next check.
        drop(permit);
        let _gone = lines.try_send(last);
    });
    let text = futures_util::stream::unfold(waiting, |mut waiting| async {
        let line: Value = waiting.recv().await?;
        Some((
            Ok::<_, std::io::Error>(Bytes::from(format!("{line}\n"))),
            waiting,
        ))
    });
    let mut response = Response::new(Body::from_stream(text));
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/x-ndjson"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// What a check of the scroll `name` found, files named from the data directory.
#[must_use]
pub fn fsck_value(name: &str, report: &FsckReport, data_dir: &Path) -> Value {
    let mut answer = json!({
        "name": name,
        "clean": report.is_clean(),
        "size": report.size,
        "root": report.root.map(|r| format!("sha256:{r}")),
        "difference": difference(report, data_dir),
        "unsealed": report.unsealed,
    });
    if let Some(cut) = &report.cut_file {
        let cut = cut.strip_prefix(data_dir).unwrap_or(cut);
        answer["cut_file"] = Value::from(cut.display().to_string());
    }
    answer
}

/// The first difference: in what cannot be derived before what can.
fn difference(report: &FsckReport, data_dir: &Path) -> Option<Value> {
    let name = |file: &Path| {
        file.strip_prefix(data_dir)
            .unwrap_or(file)
            .display()
            .to_string()
    };
    if let Some(c) = &report.record {
        return Some(
            json!({"in": "record", "file": name(&c.file), "offset": c.offset, "what": c.damage.to_string()}),
        );
    }
    if let Some(r) = &report.refused {
        return Some(
            json!({"in": "record", "file": name(&r.file), "offset": r.offset, "what": r.error.to_string(), "index": r.index}),
        );
    }
    if report.behind {
        return Some(
            json!({"in": "head", "what": "the record does not lead to its last signed head"}),
        );
    }
    let c = report.derived.as_ref()?;
    Some(
        json!({"in": "derived", "file": name(&c.file), "offset": c.offset, "what": c.damage.to_string()}),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::node;

    #[tokio::test(flavor = "multi_thread")]
    async fn one_check_runs_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let node = node(&dir.path().join("data")).await;
        let ask = || {
            let uri = "/scrolls/Identity/fsck";
            let request = http::Request::post(uri).body(Body::empty()).unwrap();
            let api = node.api();
            async move { api.call(request).await }
        };
        let running = Arc::clone(&node.inner.checking)
            .try_acquire_owned()
            .unwrap();
        assert_eq!(ask().await.status(), StatusCode::CONFLICT);
        drop(running);
        assert_eq!(ask().await.status(), StatusCode::OK);
    }
}
