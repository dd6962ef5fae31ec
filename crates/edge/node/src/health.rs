//! Whether the node does what it is there for, as `/healthz` says it.

use std::cell::OnceCell;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use crate::node::Inner;
use crate::scroll::Scroll;
use crate::waiting::{Refusal, Waiting};

/// Written and synced to see whether the disk takes anything again: more than a group commit of small receipts.
static PROBE: [u8; 64 * 1024] = [0; 64 * 1024];

impl Inner {
    /// What is wrong, a line each; nothing if every scroll can append and no receipt has waited longer than configured
    /// for its checkpoint or its quorum. May write to the disk.
    pub(crate) fn ills(&self) -> Vec<String> {
        if let Some(failure) = self.failure() {
            return vec![format!("stopping: {failure}")];
        }
        let now = Instant::now();
        let scrolls = self.scrolls();
        // At most once for all scrolls, and by one caller at a time.
        let probed = OnceCell::new();
        let probe = || -> Result<(), String> { probed.get_or_init(|| self.probe()).clone() };
        let ills = scrolls.iter().filter_map(|s| self.ill(s, now, &probe));
        ills.collect()
    }

    /// The gravest that is wrong with a scroll.
    fn ill(
        &self,
        scroll: &Scroll,
        now: Instant,
        probe: &impl Fn() -> Result<(), String>,
    ) -> Option<String> {
        let name = &scroll.spec().name;
        if let Some(reason) = scroll.halted() {
            return Some(format!("{name} is not signed: {reason}"));
        }
        let progress = scroll.progress()?;
        match progress.refusal() {
            None => {}
            Some(Refusal::Lasting(why)) => return Some(format!("{name} cannot append: {why}")),
            Some(Refusal::Disk(why)) => match probe() {
                Ok(()) => progress.set_well(),
                Err(error) => return Some(format!("{name} cannot append: {why}; and {error}")),
            },
        }
        let config = &self.config;
        if let Some(seconds) = longer(&progress.checkpoint, config.longest_checkpoint_wait, now) {
            return Some(format!("{name} has waited {seconds} s for a checkpoint"));
        }
        let seconds = longer(&progress.quorum, config.longest_quorum_wait, now)?;
        let missing = missing(scroll).join(", ");
        Some(format!(
            "{name} has waited {seconds} s for its quorum; not co-signed by: {missing}"
        ))
    }

    /// Whether the disk takes anything.
    fn probe(&self) -> Result<(), String> {
        let _alone = self.probing.lock().unwrap_or_else(PoisonError::into_inner);
        let path = self.config.data_dir.join("probe");
        let written =
            quorate_store::write_atomic(&*self.disk, &path, &PROBE, quorate_store::MODE_PRIVATE);
        let removed = self.disk.remove(&path);
        written.map_err(|e| e.to_string())?;
        removed.map_err(|e| format!("{} cannot be removed: {e}", path.display()))
    }
}

/// Who has not co-signed the newest head.
fn missing(scroll: &Scroll) -> Vec<String> {
    let newest = scroll.checkpoints().newest().map_or(0, |n| n.size);
    let roster = scroll.witnessing().map(|w| w.roster.missing(newest));
    roster.unwrap_or_default()
}

/// How many seconds something has waited, if that is too long.
fn longer(waiting: &Waiting, longest: Duration, now: Instant) -> Option<u64> {
    let waited = now.saturating_duration_since(waiting.since()?);
    (waited > longest).then_some(waited.as_secs())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::http::StatusCode;

    use crate::testing::{Network, WatchedDisk, close, node_on};

    /// A full disk makes the node ill, and room makes it well without anybody appending.
    #[tokio::test(flavor = "multi_thread")]
    async fn a_node_whose_disk_takes_nothing_is_ill_until_it_does() {
        let dir = tempfile::tempdir().unwrap();
        let disk = WatchedDisk::default();
        let watch = Arc::clone(&disk.0);
        let node = node_on(Arc::new(disk), dir.path()).await;
        let network = Network::new(&node);
        network.post("/scrolls", r#"{"name":"A"}"#).await;
        assert_eq!(network.get("/healthz").await.body, b"ok\n");
        watch.set_full(true);
        let refused = network.post("/scrolls/A/receipts", r#"{"type":"x"}"#).await;
        assert_eq!(refused.status, StatusCode::INSUFFICIENT_STORAGE);
        let ill = network.get("/healthz").await;
        let text = String::from_utf8(ill.body).unwrap();
        assert_eq!(ill.status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(text.starts_with("A cannot append: "), "{text}");
        let metrics = String::from_utf8(network.get("/metrics").await.body).unwrap();
        assert!(
            metrics.contains("quorate_append_refused{scroll=\"A\"} 1\n"),
            "{metrics}"
        );
        watch.set_full(false);
        assert_eq!(network.get("/healthz").await.body, b"ok\n");
        assert!(!dir.path().join("probe").exists());
        close(node).await;
    }
}
