//! `POST /verify`: the offline verifier as a service, for readers who cannot run it themselves. It keeps nothing, and reads
//! nothing of the node's; whoever can run the verifier should, because an answer is only as good as who gives it.
//!
//! Anyone may ask, so what strangers may cost is bounded: their bodies share the memory of their [`Lane`], one of them is
//! judged at a time, and together they have a budget of bytes. Callers with credentials are not counted.

use std::num::NonZeroU32;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use governor::clock::{Clock as _, MonotonicClock};
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use multer::Multipart;
use quorate_receipt::Timestamp;
use quorate_verify::anchor::Anchor;
use quorate_verify::bundle::view::{Listing, VerdictView};
use quorate_verify::bundle::{BundleVerifier, Failure};
use serde_json::json;
use tokio::sync::Semaphore;

use super::error::ApiError;
use super::{App, MAX_BODY};
use crate::auth::Principal;
use crate::clock;
use crate::lane::{Lane, Room};

/// The least that a call costs, in KiB: reading and answering it.
const LEAST: u32 = 16;

/// What callers without credentials may have judged.
#[derive(Debug)]
pub(crate) struct Strangers {
    /// In KiB; none where nothing is judged for them.
    budget: Option<RateLimiter<NotKeyed, InMemoryState, MonotonicClock>>,
    /// One at a time, so that at most one core works for strangers.
    turn: Semaphore,
}

impl Strangers {
    /// So many KiB a second; the largest body may come at once.
    pub(crate) fn new(kib_per_second: u32) -> Self {
        let largest = u32::try_from(MAX_BODY >> 10).unwrap_or(u32::MAX);
        let burst = NonZeroU32::new(largest + LEAST).unwrap_or(NonZeroU32::MIN);
        let quota = |rate| Quota::per_second(rate).allow_burst(burst);
        Self {
            budget: NonZeroU32::new(kib_per_second)
                .map(|rate| RateLimiter::direct_with_clock(quota(rate), MonotonicClock)),
            turn: Semaphore::new(1),
        }
    }

    /// # Errors
    /// 401 where strangers have no budget, 429 when it is used up.
    pub(super) fn spend(&self, bytes: usize) -> Result<(), ApiError> {
        let Some(budget) = &self.budget else {
            return Err(ApiError::unauthenticated());
        };
        let kib = u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX);
        let cost = kib.saturating_add(LEAST);
        let cost = NonZeroU32::new(cost).unwrap_or(NonZeroU32::MIN);
        match budget.check_n(cost) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(until)) => {
                let wait = until.wait_time_from(MonotonicClock.now());
                Err(busy().retry_after(wait.as_secs() + 1))
            }
            Err(_) => Err(busy()),
        }
    }
}

fn busy() -> ApiError {
    ApiError::new(
        StatusCode::TOO_MANY_REQUESTS,
        "busy",
        "callers without credentials had as much verified as this node does for them; nothing was judged",
        "wait as Retry-After says, send a token, or verify it yourself: 'quorate bundle verify', sdk/verifier",
    )
}

fn malformed(message: impl Into<String>) -> ApiError {
    ApiError::bad_request(
        "malformed",
        message,
        "send multipart/form-data: curl -F bundle=@FILE -F trust_anchor=@FILE .../verify (docs/api.md)",
    )
}

/// The parts of a request, which took this room.
struct Asked {
    bundle: Bytes,
    anchor: Bytes,
    payload: Option<Bytes>,
    now: Timestamp,
    steps: bool,
    _room: Room,
}

/// Judges a bundle, a presentation or an attestation by the trust anchor that came with it.
pub(super) async fn verify(
    State(app): State<App>,
    Extension(principal): Extension<Principal>,
    Extension(lane): Extension<Lane>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let stranger = matches!(principal, Principal::Anonymous);
    if stranger && app.strangers.budget.is_none() {
        return Err(ApiError::unauthenticated());
    }
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|k| k.to_str().ok());
    let boundary = multer::parse_boundary(kind.unwrap_or_default());
    let boundary = boundary.map_err(|_| malformed("the body is no multipart/form-data"))?;
    let (bytes, room) = lane.whole(body).await?.into_parts();
    if stranger {
        app.strangers.spend(bytes.len())?;
    }
    let asked = Asked::read(bytes, room, boundary).await?;
    let _turn = match stranger {
        true => Some(
            app.strangers
                .turn
                .acquire()
                .await
                .map_err(|_| ApiError::stopped())?,
        ),
        false => None,
    };
    let verdict = lane.blocking(move || judge(&asked)).await?;
    let mut answer = Json(verdict).into_response();
    let headers = answer.headers_mut();
    headers.insert(
        header::CACHE_CONTROL,
        header::HeaderValue::from_static("no-store"),
    );
    Ok(answer)
}

impl Asked {
    /// Parts of other names and parts that come twice are refused: a misspelt one would be a check that is not made.
    async fn read(bytes: Vec<u8>, mut room: Room, boundary: String) -> Result<Self, ApiError> {
        // The parts are copies of what the body holds.
        room.grow(bytes.len())?;
        let whole = futures_util::stream::once(async { Ok::<_, std::io::Error>(bytes) });
        let mut parts = Multipart::new(whole, boundary);
        let broken = |_| malformed("the body is not multipart/form-data to its end");
        let [mut bundle, mut anchor, mut payload, mut now, mut steps] = [const { None }; 5];
        while let Some(part) = parts.next_field().await.map_err(broken)? {
            let name = part.name().unwrap_or_default().to_owned();
            let slot = match name.as_str() {
                "bundle" => &mut bundle,
                "trust_anchor" => &mut anchor,
                "payload" => &mut payload,
                "now" => &mut now,
                "steps" => &mut steps,
                _ => return Err(malformed(format!("there is no part named {name:?}"))),
            };
            if slot.is_some() {
                return Err(malformed(format!("the part {name:?} comes twice")));
            }
            *slot = Some(part.bytes().await.map_err(broken)?);
        }
        let missing = |name| malformed(format!("the part {name:?} is missing"));
        Ok(Self {
            bundle: bundle.ok_or_else(|| missing("bundle"))?,
            anchor: anchor.ok_or_else(|| missing("trust_anchor"))?,
            payload,
            now: match now {
                None => clock::now(),
                Some(now) => Timestamp::parse(&now)
                    .map_err(|e| malformed(format!("the part \"now\": {e}")))?,
            },
            steps: match steps.as_deref() {
                None | Some(b"false") => false,
                Some(b"true") => true,
                Some(_) => return Err(malformed("the part \"steps\" is neither true nor false")),
            },
            _room: room,
        })
    }
}

/// The report as the command line gives it.
fn judge(asked: &Asked) -> Result<VerdictView, ApiError> {
    let anchor = Anchor::parse(&asked.anchor)
        .map_err(|error| refused(error.code(), error.to_string(), ANCHOR))?;
    let mut verifier = BundleVerifier::new(&anchor, asked.now);
    if let Some(file) = &asked.payload {
        verifier = verifier.with_payload_file(file);
    }
    let mut listing = Listing::new(asked.steps);
    let report = verifier.verify_each(&*asked.bundle, |step, label| listing.see(step, label));
    let report = report.map_err(|failure| match failure {
        Failure::Refused(error) => refused(error.code(), error.to_string(), error.hint()),
        Failure::Read(never) => match never {},
    })?;
    Ok(listing.verdict(&report))
}

const ANCHOR: &str =
    "'quorate trust-anchor new' writes a trust anchor; docs/bundles.md says what it holds";

fn refused(code: &'static str, message: String, hint: &'static str) -> ApiError {
    let status = StatusCode::UNPROCESSABLE_ENTITY;
    ApiError::new(status, code, message, hint).with("verified", json!(false))
}
