//! `quorate key …`: the node's identity and its role keys.

use std::fs::OpenOptions;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use http::Method;
use quorate_lineage::NextKey;
use serde_json::{Value, json};

use super::scroll::{array, number, string};
use crate::args::{Key, Role};
use crate::client::{Client, Without};
use crate::failure::{Failure, Stop, reason};
use crate::local::Settings;
use crate::out::Out;
use crate::text::{Fields, Paint, Table, seconds};
use crate::uri::Uri;

/// A next key has four short lines; a file longer than this is something else.
const MAX_NEXT_KEY: u64 = 4096;

pub(super) async fn run(settings: &Settings, key: Key, out: Out) -> Result<(), Stop> {
    let without = match key {
        Key::Show | Key::History => Without::Read,
        // Made before: that needs no node.
        Key::Generate { .. } => return Ok(()),
        Key::Rotate { .. } | Key::Offline { .. } => Without::Refuse,
    };
    let mut client = Client::connect(settings, without).await?;
    match key {
        Key::Show => {
            let keys = client
                .get(&Uri::path(&["keys"]), "cannot show the keys")
                .await?;
            out.answer(&keys, |paint| key_page(&keys, paint))?;
        }
        Key::Generate { .. } => {}
        Key::History => {
            let history = client
                .get(
                    &Uri::path(&["keys", "history"]),
                    "cannot show the history of keys",
                )
                .await?;
            out.answer(&history, |paint| history_table(&history, paint))?;
        }
        Key::Rotate {
            role,
            next_key,
            compromised,
            retire,
        } => {
            let what = format!(
                "cannot {} the {} key",
                if retire { "retire" } else { "rotate" },
                role.as_str()
            );
            let mut body =
                json!({"role": role.as_str(), "compromised": compromised, "retire": retire});
            if let Some(file) = next_key {
                body["next_key"] = read_next_key(&file, &what)?.into();
            }
            let done = client
                .change(
                    Method::POST,
                    &Uri::path(&["keys", "rotate"]),
                    Some(&body),
                    &what,
                )
                .await?;
            out.answer(&done, |paint| rotated(role, retire, &done, paint))?;
        }
        Key::Offline { output } => offline(&mut client, &output, out).await?,
    }
    Ok(())
}

/// Checked here, so that a wrong file is named before anything is sent.
fn read_next_key(file: &Path, what: &str) -> Result<String, Failure> {
    let failed = |e: std::io::Error| Failure::file("read", file, &e);
    let mut text = Vec::new();
    let source: Box<dyn std::io::Read> = if file == Path::new("-") {
        Box::new(std::io::stdin())
    } else {
        Box::new(std::fs::File::open(file).map_err(failed)?)
    };
    source
        .take(MAX_NEXT_KEY)
        .read_to_end(&mut text)
        .map_err(failed)?;
    NextKey::parse(&text).map_err(|e| {
        Failure::refused("not-a-next-key", what, format!("{}: {e}", file.display()))
            .hint("name the file that 'quorate key offline' wrote")
    })?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// The key is on this machine until its copy is durable and read back: a lost answer or a full disk must not
/// lose the only key that the next rotation accepts.
async fn offline(client: &mut Client, output: &Path, out: Out) -> Result<(), Stop> {
    let what = "cannot move the next identity key out of this machine";
    let uri = Uri::path(&["keys", "offline"]);
    let failed = |e: std::io::Error| Failure::file("write", output, &e);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(output)
        .map_err(failed)?;
    let copied = async {
        let answer = client.change(Method::POST, &uri, None, what).await?;
        let text = string(&answer, "next_key");
        let key = NextKey::parse(text.as_bytes())
            .map_err(|e| Failure::environment("not-a-next-key", what, reason(&e)))?;
        file.write_all(text.as_bytes())
            .and_then(|()| file.sync_all())
            .map_err(failed)?;
        let directory = output
            .parent()
            .filter(|p| !p.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        std::fs::File::open(directory)
            .and_then(|d| d.sync_all())
            .map_err(failed)?;
        let kept = std::fs::read(output).map_err(failed)?;
        if kept != text.as_bytes() {
            return Err(Failure::environment(
                "file",
                what,
                format!("{} does not hold what was written", output.display()),
            ));
        }
        Ok(key.commitment().to_string())
    };
    let commitment = match copied.await {
        Ok(commitment) => commitment,
        Err(failure) => {
            // Nothing was given away yet; an empty or half-written file would only mislead.
            let _gone = std::fs::remove_file(output);
            return Err(failure.and_hint("the key is still on this machine").into());
        }
    };
    let body = json!({"commitment": commitment});
    client
        .change(Method::POST, &uri, Some(&body), what)
        .await
        .map_err(|failure| {
            failure.and_hint(&format!(
            "{} is complete, but the key may be on this machine too: 'quorate key show' says so",
            output.display()
        ))
        })?;
    let file = output.display().to_string();
    let report = json!({"next_key": "offline", "commitment": commitment, "file": file});
    out.answer(&report, |paint| {
        format!(
            "{} It is in {file} and nowhere else: take it away from this machine, and keep a copy.\n\
             To rotate the identity: quorate key rotate --role identity --next-key FILE\n",
            paint.bold("The next identity key has left this machine.")
        )
    })
}

fn key_page(keys: &Value, paint: Paint) -> String {
    let next = match string(keys, "next_key") {
        "on this machine" => {
            "on this machine; who takes the machine takes it too: 'quorate key offline -o FILE'"
        }
        other => other,
    };
    let fields = Fields::new()
        .row("fingerprint", string(keys, "node"))
        .row("identity key", string(keys, "identity_key"))
        .row("next key", next)
        .row("committed to", string(keys, "next_commitment"));
    let mut table = Table::new(&["role", "key", "since", "ended"]);
    for key in array(keys, "keys") {
        let and = if key.get("ml_dsa_44").is_some_and(|k| !k.is_null()) {
            " and ML-DSA-44"
        } else {
            ""
        };
        let name = format!("{}{and}", string(key, "ed25519"));
        table.push(&[
            string(key, "role"),
            &name,
            &seconds(string(key, "since")),
            &seconds(string(key, "ended")),
        ]);
    }
    format!(
        "{}\n{}\n{}",
        paint.bold("Identity"),
        fields.render(paint),
        table.render(paint)
    )
}

fn history_table(history: &Value, paint: Paint) -> String {
    let mut table = Table::new(&[">event", "time", "what", "role", "why"]);
    for (i, event) in array(history, "events").iter().enumerate() {
        table.push(&[
            &i.to_string(),
            &seconds(string(event, "timestamp")),
            string(event, "type"),
            string(event, "role"),
            string(event, "reason"),
        ]);
    }
    table.render(paint)
}

fn rotated(role: Role, retire: bool, done: &Value, paint: Paint) -> String {
    let index = number(done, "index");
    let text = match (role, retire) {
        (Role::Identity, _) => "The identity key is rotated: the key before it signs nothing any more.".to_owned(),
        (Role::Log, false) => "A new log key signs beside the old one. When everybody has the new policy, end the old one:\n\
                               quorate key rotate --role log --retire"
            .to_owned(),
        (Role::Log, true) => "The old log key is retired: it verifies history up to here and never signs again.".to_owned(),
    };
    format!(
        "{} {text}\n",
        paint.bold(&format!("Recorded as Identity {index}."))
    )
}
