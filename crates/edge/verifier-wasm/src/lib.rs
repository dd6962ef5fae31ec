//! The offline verifier as a WebAssembly module: texts in, one JSON text out. Conversions only; every rule is
//! `quorate-verify`'s, so a file is judged here as it is judged by the command line.
//!
//! An answer is `{"ok":…}` or `{"error":{"code":…,"message":…}}`; `sdk/verifier` makes an object or an exception of it.
//! Input comes as bytes, so that a text that is not UTF-8 is refused here and not repaired on the way.
//!
//! The module has no clock and no way to ask for anything: `now` is an option, and the list of what it imports is held by
//! the tests of `sdk/verifier`.
#![forbid(unsafe_code)]

mod answer;
mod options;
mod policy;
mod shown;

use quorate_policy::Policy;
use quorate_provenance::{Label, Step, Verified};
use quorate_verify::anchor::Anchor;
use quorate_verify::bundle::view::StepView;
use quorate_verify::bundle::{BundleError, BundleReport, BundleVerifier, Failure};
use quorate_verify::verify_entry;
use serde_json::Value;
use wasm_bindgen::prelude::wasm_bindgen;

use answer::{Refusal, answer, plain};
use options::Options;
use policy::PolicyView;

/// Verifies a bundle or a presentation. `ok` is the report.
#[must_use]
#[wasm_bindgen(js_name = verifyBundle)]
pub fn verify_bundle(bundle: &[u8], anchor: &[u8], options: &str) -> String {
    let report = judge(bundle, anchor, options, |_, _| {});
    answer(report.and_then(|report| plain(&report.view())))
}

/// The same; `ok` is the `report` and every one of the `steps`.
#[must_use]
#[wasm_bindgen(js_name = verifySteps)]
pub fn verify_steps(bundle: &[u8], anchor: &[u8], options: &str) -> String {
    let mut steps = Vec::new();
    let each = |step: &Verified<Step>, label| steps.push(StepView::of(step, label));
    let report = judge(bundle, anchor, options, each);
    answer(report.and_then(|report| {
        let mut both = serde_json::Map::new();
        both.insert("report".into(), plain(&report.view())?);
        let mut steps = plain(&steps)?;
        shown::add(&mut steps, bundle);
        both.insert("steps".into(), steps);
        Ok(Value::Object(both))
    }))
}

/// Verifies that a log holds an entry, byte for byte. `ok` is the report.
#[must_use]
#[wasm_bindgen(js_name = verifyProof)]
pub fn verify_proof(proof: &[u8], entry: &[u8], policy: &[u8]) -> String {
    let judged = Policy::parse(policy)
        .map_err(|error| Refusal::new("policy-malformed", error))
        .and_then(|policy| {
            verify_entry(proof, entry, &policy).map_err(|error| Refusal::new(error.code(), error))
        });
    answer(judged.and_then(|report| plain(&report.view())))
}

/// What a policy says, and every line of it that is wrong. `ok` always.
#[must_use]
#[wasm_bindgen(js_name = checkPolicy)]
pub fn check_policy(policy: &[u8]) -> String {
    answer(plain(&PolicyView::of(&Policy::read(policy))))
}

fn judge(
    bundle: &[u8],
    anchor: &[u8],
    options: &str,
    each: impl FnMut(&Verified<Step>, Label),
) -> Result<BundleReport, Refusal> {
    let options = Options::read(options)?;
    let anchor = Anchor::parse(anchor).map_err(|error| Refusal::new(error.code(), error))?;
    let mut verifier = BundleVerifier::new(&anchor, options.now);
    if let Some(hash) = options.payload {
        verifier = verifier.with_payload(hash);
    }
    verifier.verify_each(bundle, each).map_err(|failure| {
        let error: BundleError = match failure {
            Failure::Refused(error) => error,
            Failure::Read(never) => match never {},
        };
        Refusal::new(error.code(), error)
    })
}
