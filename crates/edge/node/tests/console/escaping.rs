//! Receipts are untrusted: no text in one becomes markup, hides, or reorders the page.

use axum::http::Method;
use serde_json::json;

use crate::support::{Reply, Served};

const MARKUP: &str =
    "<script>alert(1)</script><img src=x onerror=alert(2)>\"'><svg/onload=alert(3)>&amp;";
const UNSEEN: &str = "abc\u{202e}fdp.exe\u{2066}\u{200b}\u{feff}\u{0085}\u{e0041}\u{7f}";

/// Characters that a browser would act on without showing them.
fn unseen(c: char) -> bool {
    (c.is_control() && c != '\n')
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e0fff}')
}

#[track_caller]
fn harmless(page: &Reply, path: &str) {
    let body = &page.body;
    assert!(body.starts_with("<!doctype html>"), "{path}: {body}");
    for forbidden in [
        "<script",
        "<img src=x",
        "<svg/",
        "onerror=alert(2)>",
        " style=",
        "<style",
        "javascript:",
    ] {
        let found = body.contains(forbidden);
        assert!(!found, "{path}: {forbidden:?} in\n{body}");
    }
    assert_eq!(
        without_own_query(body).chars().find(|c| unseen(*c)),
        None,
        "{path}"
    );
    tags_balance(body, path);
}

/// The search boxes repeat, character by character, what the reader asked for; there it stands alone.
fn without_own_query(body: &str) -> String {
    let mut parts = body.split("<input ");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out.push_str(part.split_once('>').unwrap_or_default().1);
    }
    out
}

/// Every element that is opened is closed, in order.
#[track_caller]
fn tags_balance(body: &str, path: &str) {
    const VOID: [&str; 4] = ["meta", "link", "input", "img"];
    let mut open = Vec::new();
    for tag in body.split('<').skip(1) {
        let inside = tag.split('>').next().unwrap_or_default();
        assert!(tag.contains('>'), "{path}: unfinished <{tag}");
        let name: String = inside
            .trim_start_matches('/')
            .chars()
            .take_while(char::is_ascii_alphanumeric)
            .collect();
        if let Some(closed) = inside.strip_prefix('/') {
            assert_eq!(
                open.pop().as_deref(),
                Some(closed.trim()),
                "{path}: </{closed}>"
            );
        } else if !inside.starts_with('!')
            && !inside.ends_with('/')
            && !VOID.contains(&name.as_str())
        {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "{path}: {open:?} not closed");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_in_a_receipt_becomes_markup_or_hides() {
    let node = Served::start().await;
    node.create("Audit", "receipts", "public").await;
    for hostile in [MARKUP, UNSEEN, &"long".repeat(7_500), "ש\u{202b}לום"] {
        // A type has neither controls nor quotes; everything else may have.
        let type_: String = hostile
            .chars()
            .filter(|c| !c.is_control() && !['"', '\''].contains(c))
            .take(30)
            .collect();
        let tag: String = hostile.chars().take(100).collect();
        node.append(
            "Audit",
            json!({"type": type_, "id": hostile, "tags": [tag], hostile: "name"}),
        )
        .await;
    }
    let mut paths: Vec<String> = (0..4).map(|i| format!("/console/Audit/{i}")).collect();
    paths.extend(["/", "/console/Audit", "/search?q=t", "/login"].map(String::from));
    for path in paths {
        harmless(&node.get(&path).await, &path);
    }
    node.get("/console/Audit/1")
        .await
        .shows("abc\\u202efdp.exe\\u2066\\u200b\\ufeff\\u0085\\udb40\\udc41\\u007f");
    node.get("/console/Audit/0")
        .await
        .shows("&#60;script&#62;alert(1)");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_in_a_raw_entry_becomes_markup_or_hides() {
    let node = Served::start().await;
    node.create("Journal", "raw", "public").await;
    for hostile in [
        MARKUP.as_bytes(),
        UNSEEN.as_bytes(),
        &[0xff; 65_535],
        &[b'x'; 65_535],
        b"",
    ] {
        node.operator(Method::POST, "/scrolls/Journal/add", hostile.to_vec())
            .await;
    }
    for path in [
        "/console/Journal",
        "/console/Journal/0",
        "/console/Journal/1",
        "/console/Journal/2",
        "/console/Journal/3",
        "/console/Journal/4",
    ] {
        harmless(&node.get(path).await, path);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_in_an_address_becomes_markup() {
    let node = Served::start().await;
    for path in [
        "/search?q=%3Cscript%3Ealert(1)%3C/script%3E%22%3E%E2%80%AE",
        "/search?scroll=%3Cscript%3E&q=x",
        "/console/%3Cscript%3E",
        "/console/Identity/%3Cscript%3E%E2%80%AE",
        "/login?code=%22%3E%3Cscript%3E",
    ] {
        harmless(&node.get(path).await, path);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn long_texts_are_clipped_in_lists_and_whole_on_their_page() {
    let node = Served::start().await;
    node.create("Audit", "receipts", "public").await;
    let long = format!("{}~end", "x".repeat(50_000));
    node.append("Audit", json!({"type": "t", "id": long})).await;
    let list = node.get("/console/Audit").await;
    list.hides("~end");
    assert!(list.body.len() < 30_000, "{}", list.body.len());
    node.get("/console/Audit/0").await.shows("xx~end");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_deepest_receipt_is_laid_out() {
    let node = Served::start().await;
    node.create("Audit", "receipts", "public").await;
    let mut value = json!("bottom");
    for _ in 0..60 {
        value = json!([value]);
    }
    node.append("Audit", json!({"type": "deep", "v": value}))
        .await;
    node.get("/console/Audit/0").await.shows("bottom");
}
