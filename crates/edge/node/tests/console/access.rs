//! Who sees what, and how a browser gets and loses its session.

use axum::http::{Method, StatusCode, header};
use serde_json::json;

use crate::support::Served;

/// Words that are only inside the restricted scroll.
const SECRETS: [&str; 3] = ["payment_approved", "payment-77", "125000"];

#[tokio::test(flavor = "multi_thread")]
async fn a_restricted_scroll_shows_nothing_but_its_head_to_anonymous() {
    let node = Served::start().await;
    node.furnish().await;
    node.operator(Method::POST, "/scrolls/Treasury/checkpoint", "")
        .await;
    let info: serde_json::Value =
        serde_json::from_str(&node.get("/scrolls/Treasury").await.body).unwrap();
    let leaf = node
        .operator(Method::GET, "/scrolls/Treasury/receipts", "")
        .await;
    let leaf: serde_json::Value = serde_json::from_str(leaf.trim()).unwrap();
    let leaf = leaf["leaf_hash"].as_str().unwrap();
    for path in [
        "/".to_owned(),
        "/console/Treasury".to_owned(),
        "/console/Treasury?before=1".to_owned(),
        "/console/Treasury/0".to_owned(),
        "/console/Treasury/1".to_owned(),
        "/search?q=payment-77".to_owned(),
        "/search?scroll=Treasury&q=0".to_owned(),
        format!("/search?q={leaf}"),
    ] {
        let page = node.get(&path).await;
        for secret in SECRETS {
            assert!(
                !page
                    .text()
                    .replace("No entry has payment-77", "")
                    .contains(secret),
                "{path}: {}",
                page.text()
            );
        }
        assert_eq!(page.header(header::LOCATION), "", "{path}");
        page.links_to("/login");
    }
    // Whether an index exists is part of the head; what is there is not.
    for index in [0, 1] {
        let page = node.get(&format!("/console/Treasury/{index}")).await;
        assert_eq!(page.status, StatusCode::UNAUTHORIZED);
        page.shows("This scroll is restricted.");
    }
    let page = node.get("/console/Treasury").await;
    assert_eq!(page.status, StatusCode::OK);
    page.shows("This scroll is restricted.");
    page.shows("1 entry");
    page.shows(info["head_hash"].as_str().unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_reads_restricted_scrolls_and_writes_nothing() {
    let node = Served::start().await;
    node.furnish().await;
    let session = node.session().await;
    node.get_as(&session, "/console/Treasury")
        .await
        .shows("payment-77");
    node.get_as(&session, "/console/Treasury/0")
        .await
        .shows("125000");
    let found = node.get_as(&session, "/search?q=payment-77").await;
    assert_eq!(found.header(header::LOCATION), "/console/Treasury/0");
    let origin = format!("http://{}", node.address);
    let headers = [("cookie", session.as_str()), ("origin", origin.as_str())];
    let body = json!({"type": "t"}).to_string();
    let reply = node
        .send(Method::POST, "/scrolls/Audit/receipts", &headers, &body)
        .await;
    assert_eq!(reply.status, StatusCode::FORBIDDEN);
}

#[tokio::test(flavor = "multi_thread")]
async fn opening_a_login_link_spends_nothing_its_button_does() {
    let node = Served::start().await;
    let link = node.login_link().await;
    for _ in 0..3 {
        let page = node.get(&link).await;
        assert_eq!(
            (page.status, page.header(header::SET_COOKIE)),
            (StatusCode::OK, "")
        );
        assert_eq!(page.header(header::CACHE_CONTROL), "no-store");
        assert!(
            page.body
                .contains("<form action=\"/login\" method=\"post\">")
        );
    }
    let form = link.strip_prefix("/login?").unwrap();
    let reply = node.submit("/login", form).await;
    assert_eq!(
        (reply.status, reply.header(header::LOCATION)),
        (StatusCode::SEE_OTHER, "/")
    );
    let cookie = reply.header(header::SET_COOKIE);
    for part in [
        "; HttpOnly",
        "; SameSite=Strict",
        "; Path=/",
        "; Max-Age=43200",
    ] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let again = node.submit("/login", form).await;
    assert_eq!(
        (again.status, again.header(header::SET_COOKIE)),
        (StatusCode::FORBIDDEN, "")
    );
    again.shows("This link does not work any more.");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_link_says_so_at_once_and_names_what_prints_a_fresh_one() {
    let node = Served::start().await;
    let live = node.login_link().await;
    for dead in [
        "/login?code=00".to_owned(),
        "/login?code=nonsense".to_owned(),
        format!("{live}0"),
    ] {
        let page = node.get(&dead).await;
        assert_eq!(page.status, StatusCode::FORBIDDEN, "{dead}");
        page.shows("This link does not work any more.");
        page.shows("quorate login");
        assert!(!page.body.contains("<form action=\"/login\""), "{dead}");
    }
    let page = node.get(&live).await;
    assert!(page.body.contains("<form action=\"/login\""));
    // Looking spends nothing, and the button spends it once.
    let form = live.strip_prefix("/login?").unwrap();
    assert_eq!(
        node.submit("/login", form).await.status,
        StatusCode::SEE_OTHER
    );
    let page = node.get(&live).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    page.shows("This link does not work any more.");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_site_cannot_log_a_browser_in_or_out() {
    let node = Served::start().await;
    let link = node.login_link().await;
    let form = link.strip_prefix("/login?").unwrap();
    for origin in ["http://evil.example", "null", "https://127.0.0.1:1"] {
        for path in ["/login", "/logout"] {
            let reply = node
                .send(Method::POST, path, &[("origin", origin)], form)
                .await;
            assert_eq!(
                (reply.status, reply.header(header::SET_COOKIE)),
                (StatusCode::FORBIDDEN, ""),
                "{origin} {path}"
            );
        }
    }
    assert_eq!(
        node.submit("/login", form).await.status,
        StatusCode::SEE_OTHER,
        "the code is not spent"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn logging_out_takes_the_cookie_back() {
    let node = Served::start().await;
    let session = node.session().await;
    let page = node.get_as(&session, "/").await;
    assert!(
        page.body
            .contains("<form action=\"/logout\" method=\"post\">")
    );
    let reply = node.submit("/logout", "").await;
    assert_eq!(reply.status, StatusCode::SEE_OTHER);
    assert!(reply.header(header::SET_COOKIE).contains("Max-Age=0"));
    assert_eq!(
        node.get("/logout").await.status,
        StatusCode::METHOD_NOT_ALLOWED,
        "following a link logs nobody out"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_codes_are_refused_calmly() {
    let node = Served::start().await;
    let long = format!("code={}", "a".repeat(900));
    for form in [
        "",
        "code=",
        "code=00",
        "code=\"><script>",
        "code=%41",
        &long,
    ] {
        assert_eq!(
            node.submit("/login", form).await.status,
            StatusCode::FORBIDDEN,
            "{form}"
        );
        let page = node
            .get(&format!("/login?{}", form.replace(['"', '<', '>'], "x")))
            .await;
        let dead = form.starts_with("code=");
        let says = if dead {
            StatusCode::FORBIDDEN
        } else {
            StatusCode::OK
        };
        assert_eq!(page.status, says, "{form}");
    }
    let huge = format!("code={}", "a".repeat(2000));
    assert_eq!(
        node.submit("/login", &huge).await.status,
        StatusCode::PAYLOAD_TOO_LARGE
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_host_name_gets_no_page() {
    let node = Served::start().await;
    let reply = node
        .send(Method::GET, "/", &[("host", "rebound.example")], "")
        .await;
    assert_eq!(reply.status, StatusCode::MISDIRECTED_REQUEST);
    reply.hides("Identity");
}
