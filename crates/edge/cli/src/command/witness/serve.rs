//! `quorate witness serve`: a node whose purpose is to co-sign for others.

use serde_json::Value;

use crate::args::{Global, Serve};
use crate::command::keyline::key_lines;
use crate::command::scroll::{array, number, string};
use crate::command::up;
use crate::failure::{Failure, Stop};
use crate::local::Settings;
use crate::out::Out;
use crate::text::{Fields, Paint, printable};

pub(super) fn run(global: &Global, serve: &Serve, out: Out) -> Result<(), Stop> {
    if serve.witness_seed_hex.is_some() {
        return Err(Failure::usage(
            "cannot start the witness",
            "a seed on the command line can be read by every user of this machine, and stays in the shell's history",
        )
        .hint("put it into a file (--seed-file, mode 0600) or into QUORATE_WITNESS_SEED_HEX, and make a new one: this one is known")
        .into());
    }
    let settings = Settings::for_witness(global, serve)?;
    up::run_with(&settings, page, out)
}

fn page(start: &Value, paint: Paint) -> String {
    let witness = start.get("witness").unwrap_or(&Value::Null);
    let api = match string(start, "listen") {
        "-" => "on the socket in the data directory only",
        address => address,
    };
    let fields = Fields::new()
        .row("listening on", string(start, "witness_listen"))
        .row("API, console", api)
        .row("data", string(start, "data_dir"));
    format!(
        "{}\n{}\n{}",
        paint.bold("A witness is running."),
        fields.render(paint),
        witness_page(witness, paint)
    )
}

/// Who the witness is, and what to put into a policy.
pub(super) fn witness_page(witness: &Value, paint: Paint) -> String {
    let texts = |member| -> Vec<&str> {
        array(witness, member)
            .iter()
            .filter_map(Value::as_str)
            .collect()
    };
    let mut fields = Fields::new()
        .row("name", printable(string(witness, "name")))
        .row("logs", number(witness, "logs").to_string());
    for hex in texts("pubkey_hex") {
        fields.push("pubkey_hex", hex);
    }
    for (i, vkey) in texts("vkeys").into_iter().enumerate() {
        let (named, short) = key_lines(vkey);
        fields.push(if i == 0 { "keys" } else { "" }, named);
        fields.push("", short);
    }
    let mut page = fields.render(paint);
    page.push_str(&paint.dim("  whole keys, for policies: 'quorate witness show --json'\n"));
    if witness.get("ml_dsa_44").and_then(Value::as_bool) == Some(false) {
        let text = "It signs with Ed25519 only: no ML-DSA-44 seed was given (--ml-dsa-seed-file).";
        page.push_str(&paint.caution(&paint.paragraph("", text)));
    }
    let halted = texts("halted");
    if !halted.is_empty() {
        page.push_str(&paint.error(&format!(
            "Nothing is signed for {}: 'quorate witness show LOG' says why.\n",
            printable(&halted.join(", "))
        )));
    }
    page
}
