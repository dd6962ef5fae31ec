//! `/witnessed`: the logs that this node witnesses, and the evidence it holds against them.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Path, State};
use axum::response::Response;

use super::page::{Frame, answer};
use super::words::{When, entries};
use crate::api::{ApiError, App};
use crate::auth::Principal;
use crate::clock;
use crate::lane::Lane;
use crate::witness::Witness;

/// A log.
#[derive(Debug)]
struct Log {
    origin: String,
    covers: Option<String>,
    when: Option<When>,
    state: &'static str,
    alarm: bool,
}

/// What proves that a log showed two histories.
#[derive(Debug)]
struct Evidence {
    id: String,
    id_short: String,
    origin: String,
    size: String,
    seen: When,
}

#[derive(Debug, Template)]
#[template(path = "witnessed.html")]
struct Page {
    frame: Frame,
    name: String,
    keys: Vec<String>,
    logs: Vec<Log>,
    evidence: Vec<Evidence>,
}

#[derive(Debug, Template)]
#[template(path = "evidence.html")]
struct EvidencePage {
    frame: Frame,
    id: String,
    origin: String,
    size: String,
    seen: When,
    text: String,
}

/// `GET /witnessed`.
pub(super) async fn show(
    State(app): State<App>,
    Extension(principal): Extension<Principal>,
    Extension(lane): Extension<Lane>,
) -> Response {
    let (a, p) = (Arc::clone(&app), principal.clone());
    answer(&app, &principal, lane.blocking(move || page(&a, &p)).await)
}

/// `GET /witnessed/{id}`.
pub(super) async fn evidence(
    State(app): State<App>,
    Extension(principal): Extension<Principal>,
    Extension(lane): Extension<Lane>,
    Path(id): Path<String>,
) -> Response {
    let (a, p) = (Arc::clone(&app), principal.clone());
    let work = move || evidence_page(&a, &p, &id);
    answer(&app, &principal, lane.blocking(work).await)
}

/// What a witness knows of others' logs is for its operator.
fn witness(app: &App, principal: &Principal) -> Result<Arc<Witness>, ApiError> {
    match principal {
        Principal::Anonymous => return Err(ApiError::unauthenticated()),
        p if p.is_operator() => {}
        _ => return Err(ApiError::forbidden("only the operator may see this")),
    }
    app.witness()
        .ok_or_else(|| ApiError::not_found("this node is not a witness".to_owned()))
}

fn page(app: &App, principal: &Principal) -> Result<Page, ApiError> {
    let witness = witness(app, principal)?;
    let now = clock::now_micros();
    let logs = witness.followed().into_iter().map(|log| {
        let (state, alarm) = match (log.halted, log.enabled) {
            (true, _) => ("halted: nothing is signed", true),
            (false, false) => ("disabled", false),
            (false, true) => ("co-signed when asked", false),
        };
        Log {
            origin: log.origin,
            covers: log.cosigned.map(|(size, _)| entries(size)),
            when: log
                .cosigned
                .and_then(|(_, at)| When::at_micros(micros(at), now)),
            state,
            alarm,
        }
    });
    let evidence = witness
        .held_evidence()?
        .into_iter()
        .map(|(id, record)| Evidence {
            id_short: id.chars().take(12).collect(),
            id,
            size: entries(record.size),
            seen: When::of_text(&record.seen_at, now),
            origin: record.origin,
        });
    Ok(Page {
        frame: Frame::new(app, principal, "Witnessed logs"),
        name: witness.name().to_string(),
        keys: witness.vkeys(),
        logs: logs.collect(),
        evidence: evidence.collect(),
    })
}

fn evidence_page(app: &App, principal: &Principal, id: &str) -> Result<EvidencePage, ApiError> {
    let record = witness(app, principal)?
        .evidence(id)?
        .ok_or_else(|| ApiError::not_found("there is no evidence with this id".to_owned()))?;
    Ok(EvidencePage {
        frame: Frame::new(app, principal, "Evidence"),
        id: id.to_owned(),
        size: entries(record.size),
        seen: When::of_text(&record.seen_at, clock::now_micros()),
        origin: record.origin,
        text: record.text,
    })
}

/// POSIX seconds as microseconds.
fn micros(seconds: u64) -> i64 {
    i64::try_from(seconds)
        .unwrap_or(0)
        .saturating_mul(1_000_000)
}
