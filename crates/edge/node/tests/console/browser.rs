//! The pages in real Chromium: all of them without JavaScript, and the one that has a script.

use std::path::{Path, PathBuf};
use std::process::Command;

use axum::http::Method;
use serde_json::json;

use crate::support::Served;

fn browser_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser")
}

async fn furnish(node: &Served) {
    node.furnish().await;
    let long = "long".repeat(800);
    for receipt in [
        json!({"type": "<script>alert(1)</script>", "id": "<img src=x onerror=alert(2)>\"'", "note": "</pre><script>alert(3)</script>"}),
        json!({"type": "renamed \u{202e}gpj.exe", "id": "\u{2067}שלום\u{2069} عالم", "note": "zero\u{200b}width"}),
        json!({"type": "long", "id": long, "numbers": (0..40).collect::<Vec<_>>()}),
    ] {
        node.append("Audit", receipt).await;
    }
    let sealed = node.seal("Audit", "a name and an address").await;
    node.erase("Audit", sealed).await;
    for scroll in ["Audit", "Treasury", "Journal"] {
        node.operator(Method::POST, &format!("/scrolls/{scroll}/checkpoint"), "")
            .await;
    }
}

/// Runs a walk through the pages with the node's address, a login link and these arguments.
#[expect(
    clippy::unwrap_used,
    reason = "a test that cannot start its browser must stop"
)]
async fn walk(node: &Served, script: &str, arguments: &[&str]) {
    let base = format!("http://{}", node.address);
    let login = format!("{base}{}", node.login_link().await);
    let home = node.scratch().join("home");
    std::fs::create_dir_all(&home).unwrap();
    let mut walk = Command::new("node");
    walk.arg(browser_dir().join(script))
        .args([&base, &login])
        .args(arguments)
        .env("HOME", home);
    let output = tokio::task::spawn_blocking(move || walk.output())
        .await
        .unwrap()
        .unwrap();
    assert!(
        output.status.success(),
        "{script} {arguments:?}\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium, Node.js and playwright-core; .ci/setup installs them"]
async fn the_pages_work_in_chromium_without_javascript() {
    let modules = browser_dir().join("node_modules/playwright-core");
    assert!(
        modules.exists(),
        "{} is missing: run .ci/setup",
        modules.display()
    );
    let node = Served::start().await;
    furnish(&node).await;
    // Kept after the test, for people to look at.
    let pictures = Path::new(env!("CARGO_TARGET_TMPDIR")).join("console");
    std::fs::create_dir_all(&pictures).unwrap();
    walk(&node, "console.mjs", &[pictures.to_str().unwrap()]).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium, Node.js and playwright-core; .ci/setup installs them"]
async fn a_session_is_verified_in_chromium_by_the_readers_anchor() {
    let node = Served::start().await;
    let session = crate::verify::record(&node).await;
    let anchor = node.scratch().join("anchor.json");
    std::fs::write(&anchor, crate::verify::anchor(&node).await).unwrap();
    walk(&node, "verify.mjs", &[&session, anchor.to_str().unwrap()]).await;
}
