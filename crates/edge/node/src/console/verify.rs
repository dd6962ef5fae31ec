//! `GET /verify`: the page that judges bundles in the reader's browser.
//!
//! It is the file `sdk/verifier/verify.html`, which makes no request. Here it may ask this node, for the bundle of the session
//! that its address names, as whoever has the browser; the trust anchor never comes from here. The page says nothing that this
//! node could not also have put into it: a reader who does not trust the node opens their own copy.

use std::sync::LazyLock;

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};

const PAGE: &str = include_str!("../../assets/verify.html");
const NO_REQUESTS: &str = "connect-src 'none'";
const OWN_REQUESTS: &str = "connect-src 'self'";

/// The page as it is served, and its policy, which stands in the page too.
struct Served {
    page: String,
    policy: Option<HeaderValue>,
}

static SERVED: LazyLock<Served> = LazyLock::new(|| {
    let page = PAGE.replacen(NO_REQUESTS, OWN_REQUESTS, 1);
    let policy = policy_of(&page).and_then(|policy| {
        let framed = format!("{policy}; frame-ancestors 'none'");
        HeaderValue::from_str(&framed).ok()
    });
    Served { page, policy }
});

fn policy_of(page: &str) -> Option<&str> {
    let (_, rest) = page.split_once("http-equiv=\"Content-Security-Policy\" content=\"")?;
    rest.split_once('"').map(|(policy, _)| policy)
}

/// `GET /verify`. Without a policy of its own the page gets that of all pages, under which it does nothing.
pub(super) async fn show() -> Response {
    let mut response = (
        [(header::CONTENT_TYPE, "text/html; charset=utf-8")],
        SERVED.page.as_str(),
    )
        .into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if let Some(policy) = &SERVED.policy {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy.clone());
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_the_committed_one_but_for_where_it_may_ask() {
        let back = SERVED.page.replacen(OWN_REQUESTS, NO_REQUESTS, 1);
        assert_eq!(back, PAGE);
        let differing = PAGE
            .lines()
            .zip(SERVED.page.lines())
            .filter(|(a, b)| a != b)
            .collect::<Vec<_>>();
        assert_eq!(differing.len(), 1);
        assert!(differing[0].1.contains("Content-Security-Policy"));
    }

    #[test]
    fn its_policy_allows_one_script_one_style_and_this_node() {
        let policy = SERVED.policy.as_ref().unwrap().to_str().unwrap();
        let directives: Vec<&str> = policy.split("; ").collect();
        let (hashed, plain): (Vec<&str>, Vec<&str>) =
            directives.iter().partition(|d| d.contains("'sha256-"));
        assert_eq!(
            plain,
            [
                "default-src 'none'",
                "worker-src blob:",
                "img-src data:",
                "connect-src 'self'",
                "base-uri 'none'",
                "form-action 'none'",
                "frame-ancestors 'none'",
            ]
        );
        assert_eq!(hashed.len(), 2);
        assert!(
            hashed[0].starts_with("script-src 'sha256-")
                && hashed[0].ends_with("' 'wasm-unsafe-eval'")
        );
        assert!(hashed[1].starts_with("style-src 'sha256-") && !hashed[1].contains("unsafe"));
    }
}
