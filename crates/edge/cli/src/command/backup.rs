//! `quorate backup` and `quorate restore`.

use http::Method;
use serde_json::{Value, json};

use super::scroll::{array, number, string};
use crate::args::{Backup, Restore};
use crate::client::{Client, Without};
use crate::failure::{Failure, Stop, reason};
use crate::local::{self, Settings};
use crate::out::Out;
use crate::text::{Paint, Table, seconds};
use crate::uri::Uri;

pub(super) async fn backup(settings: &Settings, backup: &Backup, out: Out) -> Result<(), Stop> {
    let shown = backup.dir.display();
    let what = format!("cannot back up to {shown}");
    // The node has its own idea of where it stands.
    let to =
        std::path::absolute(&backup.dir).map_err(|e| Failure::file("find", &backup.dir, &e))?;
    let Some(to) = to.to_str() else {
        return Err(Failure::usage(what, "the path is not UTF-8")
            .hint("name a directory whose path is UTF-8")
            .into());
    };
    let mut client = Client::connect(settings, Without::Read).await?;
    let body = json!({"to": to});
    let done = client
        .change(Method::POST, &Uri::path(&["backup"]), Some(&body), &what)
        .await?;
    out.answer(&done, |paint| {
        format!(
            "{}\n{}\n{}",
            paint.bold(&format!("Backup of {} in {shown}", string(&done, "node"))),
            copies(&done, paint),
            paint.paragraph(
                "",
                "It holds the private keys: keep it where only you can read it. Tokens are not in it."
            )
        )
    })
}

pub(super) fn restore(settings: &Settings, restore: &Restore, out: Out) -> Result<(), Stop> {
    let (from, to) = (restore.backup.display(), settings.data_dir().display());
    let manifest = local::restore(&restore.backup, settings.data_dir())?;
    let done = serde_json::to_value(manifest)
        .map_err(|e| Failure::environment("report", "cannot write the report", reason(&e)))?;
    out.answer(&done, |paint| {
        let closing = format!(
            "What was appended after {} is not in it, and no tokens are: make new ones with 'quorate token new'. \
             Start it, and never beside the old one:",
            seconds(string(&done, "taken_at"))
        );
        format!(
            "{}\n{}\n{}  quorate up --data-dir {to}\n",
            paint.bold(&format!("Restored {} from {from} into {to}", string(&done, "node"))),
            copies(&done, paint),
            paint.paragraph("", &closing)
        )
    })
}

fn copies(manifest: &Value, paint: Paint) -> String {
    let mut table = Table::new(&["scroll", ">entries", "root"]);
    for scroll in array(manifest, "scrolls") {
        table.push(&[
            string(scroll, "name"),
            &number(scroll, "size").to_string(),
            string(scroll, "root"),
        ]);
    }
    table.render(paint)
}
