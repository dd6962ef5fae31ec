//! Searches are read page by page to their end, without loss or repetition.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot set up its node must stop"
)]

mod common;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use common::{new_scroll, rig, stream};
use http_body_util::BodyExt as _;
use quorate_node::LocalApi;
use serde_json::Value;

/// One page: its indices, and the query that goes on.
async fn page(api: &LocalApi, query: &str) -> (Vec<u64>, Option<String>) {
    let request = Request::get(format!("/scrolls/A/receipts?{query}"));
    let answer = api.call(request.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status(), StatusCode::OK, "{query}");
    let next = answer.headers().get("x-quorate-next");
    let next = next.map(|n| n.to_str().unwrap().to_owned());
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    let lines = body.split(|b| *b == b'\n').filter(|l| !l.is_empty());
    let indices = lines.map(|l| serde_json::from_slice::<Value>(l).unwrap()["index"].as_u64());
    (indices.map(Option::unwrap).collect(), next)
}

/// All pages of at most three.
async fn pages(api: &LocalApi, begin: &str, rest: &str) -> Vec<u64> {
    let (mut all, mut position) = (Vec::new(), begin.to_owned());
    loop {
        let (found, next) = page(api, &format!("{position}&limit=3{rest}")).await;
        assert!(found.len() <= 3);
        all.extend(found);
        match next {
            Some(next) => position = next,
            None => return all,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_is_paged_to_its_end_also_among_receipts_of_one_time() {
    let rig = rig().await;
    new_scroll(&rig.api, "A", "receipts", "public").await;
    // Nine times, in no order; five of each seven receipts share one.
    let time_of = |n: u64| if n % 7 < 5 { 4 } else { n * 5 % 9 };
    let lines: Vec<String> = (0..60)
        .map(|n| {
            let time = time_of(n);
            format!(r#"{{"type":"x","id":"same","timestamp":"2026-01-01T00:00:0{time}.000001Z"}}"#)
        })
        .collect();
    stream(&rig.api, "/scrolls/A/receipts", lines.join("\n").as_bytes()).await;
    let mut expected: Vec<(u64, u64)> = (0..60).map(|n| (time_of(n), n)).collect();
    expected.sort_unstable();
    let indices = |times: std::ops::Range<u64>| -> Vec<u64> {
        let there = expected.iter().filter(|(t, _)| times.contains(t));
        there.map(|(_, n)| *n).collect()
    };
    let since = "since=2026-01-01T00:00:02Z";
    assert_eq!(pages(&rig.api, since, "").await, indices(2..9));
    let until = "&until=2026-01-01T00:00:06Z";
    assert_eq!(pages(&rig.api, since, until).await, indices(2..6));
    let everything: Vec<u64> = (0..60).collect();
    assert_eq!(pages(&rig.api, "from=0", "").await, everything);
    assert_eq!(pages(&rig.api, "from=0", "&id=same").await, everything);
    // A page that ends with the last match says so.
    let (last, next) = page(&rig.api, "from=57&limit=3").await;
    assert_eq!((last, next), (vec![57, 58, 59], None));
    let refused = common::get(
        &rig.api,
        "/scrolls/A/receipts?until=2026-01-01T00:00:06Z&from=1",
    )
    .await;
    assert_eq!(refused.0, StatusCode::BAD_REQUEST);
}
