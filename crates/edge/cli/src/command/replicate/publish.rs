//! `quorate bundle publish`, `quorate replicas serve`: files served by their hash.

use std::path::{Path, PathBuf};

use quorate_replication::{ContentHash, Done, Error, Holder, Order, order};
use serde_json::json;

use super::{failure, folder};
use crate::args::Publish;
use crate::command::up::shutdown;
use crate::failure::{Failure, Stop};
use crate::local::Settings;
use crate::out::Out;
use crate::text::count;

pub(crate) async fn publish(settings: &Settings, publish: &Publish, out: Out) -> Result<(), Stop> {
    let folder = folder(settings);
    // Before anything is promised: a Ctrl-C from here on ends in order.
    let stop = shutdown()?;
    let mut holder = match Holder::open(&folder, publish.bind).await {
        Ok(holder) => holder,
        Err(Error::InUse(_)) if !publish.files.is_empty() && publish.bind.is_none() => {
            // Whoever is told to stop waits for no answer: what was published stays published.
            return tokio::select! {
                handed = hand_over(&folder, &publish.files, out) => handed,
                () = stop => Ok(()),
            };
        }
        Err(error) => return Err(failure("cannot publish", &error).into()),
    };
    let done = published(&mut holder, &publish.files, out, stop).await;
    holder.close().await;
    done
}

/// Has the process that serves the folder publish them, too.
async fn hand_over(folder: &Path, files: &[PathBuf], out: Out) -> Result<(), Stop> {
    for file in files {
        let what = format!("cannot publish {}", file.display());
        let absolute = std::path::absolute(file);
        let absolute = absolute.map_err(|e| Failure::file("read", file, &e))?;
        match order(folder, Order::Publish { file: absolute }).await {
            Ok(Done::Published { hash, ticket }) => show(Some(file), hash, &ticket, out)?,
            Ok(Done::Kept | Done::Status(_) | Done::Audited(_)) => {
                let why = "the process that serves the directory gave another answer";
                return Err(Failure::environment("in-use", what, why)
                    .hint("stop it and start it again with this version")
                    .into());
            }
            Err(error) => return Err(failure(&what, &error).into()),
        }
    }
    out.aside("Served by the process that serves this data directory already.");
    Ok(())
}

async fn published(
    holder: &mut Holder,
    files: &[PathBuf],
    out: Out,
    stop: impl Future<Output = ()>,
) -> Result<(), Stop> {
    let mut stop = std::pin::pin!(stop);
    holder.listen().map_err(|e| failure("cannot serve", &e))?;
    let mut shown: Vec<(Option<&Path>, _)> = Vec::new();
    for file in files {
        let hash = tokio::select! {
            hash = holder.publish(file) => hash,
            () = &mut stop => return Ok(()),
        };
        let what = format!("cannot publish {}", file.display());
        shown.push((Some(file.as_path()), hash.map_err(|e| failure(&what, &e))?));
    }
    let published = all(holder)?;
    if published.is_empty() {
        let why = "nothing was ever published from this data directory";
        let failure = Failure::refused("nothing-published", "cannot publish", why);
        return Err(failure
            .hint("name a file: 'quorate bundle publish FILE'; 'quorate replicas serve' keeps copies for your other machines")
            .into());
    }
    if shown.is_empty() {
        shown = published.iter().map(|hash| (None, *hash)).collect();
    }
    for (file, hash) in shown {
        show(file, hash, &holder.ticket(hash).to_string(), out)?;
    }
    serve(holder, published.len(), out, stop).await
}

/// `quorate replicas serve`
pub(super) async fn keep(
    settings: &Settings,
    bind: Option<std::net::SocketAddr>,
    out: Out,
) -> Result<(), Stop> {
    let stop = shutdown()?;
    let holder = Holder::open(&folder(settings), bind).await;
    let mut holder = holder.map_err(|e| failure("cannot serve", &e))?;
    let done = async {
        holder.listen().map_err(|e| failure("cannot serve", &e))?;
        let published = all(&holder)?;
        let peer = json!({"peer": holder.peer()});
        out.answer(&peer, |_| format!("peer: {}\n", holder.peer()))?;
        serve(&holder, published.len(), out, stop).await
    };
    let done = done.await;
    holder.close().await;
    done
}

fn all(holder: &Holder) -> Result<Vec<ContentHash>, Stop> {
    let published = holder.published();
    Ok(published.map_err(|e| failure("cannot list what is published", &e))?)
}

fn show(file: Option<&Path>, hash: ContentHash, ticket: &str, out: Out) -> Result<(), Stop> {
    let answer = json!({
        "blake3_hash": hash,
        "file": file.map(|f| f.display().to_string()),
        "node_ticket": ticket,
    });
    out.answer(&answer, |_| {
        format!("blake3-hash: {hash}\nnode-ticket: {ticket}\n")
    })
}

async fn serve(
    holder: &Holder,
    published: usize,
    out: Out,
    stop: impl Future<Output = ()>,
) -> Result<(), Stop> {
    let peer = holder.peer();
    let addresses: Vec<String> = peer.addresses().map(|a| a.to_string()).collect();
    if out.json() {
        let serving = json!({"addresses": addresses, "serving": published});
        out.line(&serving.to_string())?;
    }
    out.aside(&format!(
        "Serving {} by hash at UDP {} to whoever asks; Ctrl-C ends it.",
        count(published as u64, "file", "files"),
        addresses.join(", ")
    ));
    stop.await;
    Ok(())
}
