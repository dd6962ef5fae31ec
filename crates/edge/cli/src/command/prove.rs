//! `quorate prove`: writes a C2SP `.tlog-proof`.

use serde_json::{Value, json};

use super::scroll::{by, info, string, witnessing};
use crate::args::Prove;
use crate::client::{Client, Without};
use crate::failure::Stop;
use crate::local::Settings;
use crate::out::{Out, Sink};
use crate::uri::Uri;

pub(super) async fn run(settings: &Settings, prove: &Prove, out: Out) -> Result<(), Stop> {
    let what = format!("cannot prove an entry of {}", prove.scroll);
    let mut client = Client::connect(settings, Without::Read).await?;
    let uri = by(
        Uri::path(&["scrolls", &prove.scroll, "proof"]),
        &prove.entry,
    );
    let proof = client.get_octets(&uri, &what).await?;
    let mut sink = Sink::open(Some(&prove.output))?;
    sink.write(&proof)?;
    sink.finish()?;
    if prove.output == *"-" {
        return Ok(());
    }
    let index = index_line(&proof);
    let scroll = info(&mut client, &prove.scroll, &what).await?;
    let file = prove.output.display().to_string();
    let report = json!({
        "scroll": prove.scroll,
        "index": index,
        "file": file,
        "octets": proof.len(),
        "witnessing": scroll.get("witnessing"),
    });
    let name = string(&scroll, "name");
    out.answer(&report, |paint| {
        let at = index.map_or_else(String::new, |i| format!(" {i}"));
        let get = index.map_or_else(|| "INDEX".to_owned(), |i| i.to_string());
        let mut text = format!("{} that {name}{at} is in the log: {file}\n", paint.bold("Proof"));
        if witnessing(&scroll) == "unwitnessed" {
            text.push_str(&paint.caution("Unwitnessed: only this node signed the head it leads to."));
            text.push('\n');
        } else if !is_quorate(&scroll, index) {
            text.push_str(&paint.caution(
                "Durable, not quorate: too few witnesses have co-signed the head it leads to, so it does not verify with the \
                 policy. Prove it again later; 'quorate log show' tells how the witnesses stand.",
            ));
            text.push('\n');
        }
        text.push_str(&paint.dim(&format!(
            "To verify it anywhere:\n  quorate log get {name} {get} -o entry\n  quorate policy show {name} -o policy\n  \
             quorate verify {file} --entry entry --policy policy"
        )));
        text.push('\n');
        text
    })
}

/// Whether the newest quorate head covers the entry: then the proof leads to it.
fn is_quorate(scroll: &Value, index: Option<u64>) -> bool {
    let quorate = scroll["witnessing"]["quorate"]["size"].as_u64();
    quorate.zip(index).is_some_and(|(size, index)| index < size)
}

/// The index a tlog-proof is about: its line `index N`.
fn index_line(proof: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(proof).ok()?;
    text.lines()
        .find_map(|line| line.strip_prefix("index "))?
        .parse()
        .ok()
}
