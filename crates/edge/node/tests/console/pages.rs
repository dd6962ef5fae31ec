//! What each page says.

use axum::http::{Method, StatusCode, header};
use serde_json::json;

use crate::support::Served;

#[tokio::test(flavor = "multi_thread")]
async fn the_first_page_lists_scrolls_with_size_head_and_age() {
    let node = Served::start().await;
    node.furnish().await;
    let checkpoint = node
        .operator(Method::POST, "/scrolls/Audit/checkpoint", "")
        .await;
    assert!(
        checkpoint.starts_with("log.example/Audit\n30\n"),
        "{checkpoint}"
    );
    let page = node.get("/").await;
    assert_eq!(page.status, StatusCode::OK);
    assert_eq!(
        page.header(header::CONTENT_TYPE),
        "text/html; charset=utf-8"
    );
    assert_eq!(page.header(header::CACHE_CONTROL), "no-store");
    for name in ["Audit", "Identity", "Journal", "Treasury"] {
        page.links_to(&format!("/console/{name}"));
    }
    page.shows("30 entries");
    page.shows("blake3:");
    let signed =
        page.text().matches("Signed just now").count() + page.text().matches(" ago").count();
    assert!(signed >= 4, "every head has an age: {}", page.text());
    page.shows("public");
    page.shows("restricted");
    page.shows("raw entries");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unwitnessed_node_says_so_in_plain_words() {
    let node = Served::start().await;
    let page = node.get("/").await;
    page.shows("Whoever controls this machine can rewrite its history");
    node.get("/console/Identity").await.shows("unwitnessed");
    node.get("/console/Identity/0")
        .await
        .shows("the proof does not show that there is no other version of the log");
}

#[tokio::test(flavor = "multi_thread")]
async fn last_receipts_come_newest_first_across_scrolls() {
    let node = Served::start().await;
    node.create("A", "receipts", "public").await;
    node.create("B", "receipts", "public").await;
    for (scroll, id, second) in [("A", "first", 1), ("B", "second", 2), ("A", "third", 3)] {
        node.append(
            scroll,
            json!({"type": "t", "id": id, "timestamp": format!("2099-01-01T00:00:0{second}Z")}),
        )
        .await;
    }
    let text = node.get("/").await.text();
    let at = |id: &str| {
        text.find(id)
            .unwrap_or_else(|| panic!("{id} is missing: {text}"))
    };
    assert!(at("third") < at("second") && at("second") < at("first"));
    assert!(
        text.contains("2099-01-01T00:00:03Z in "),
        "a time to come is said as such: {text}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scroll_page_shows_keys_checkpoint_and_pages_of_receipts() {
    let node = Served::start().await;
    node.furnish().await;
    node.operator(Method::POST, "/scrolls/Audit/checkpoint", "")
        .await;
    let page = node.get("/console/Audit").await;
    page.shows("log.example/Audit 30");
    page.shows("log.example/Audit+");
    page.shows("key id");
    page.shows("Indices 29 down to 5");
    page.shows("build-29");
    page.hides("build-4<");
    page.links_to("/console/Audit?before=5#entries");
    page.links_to("/scrolls/Audit/checkpoint");
    page.links_to("/scrolls/Audit/policy");
    let older = node.get("/console/Audit?before=5").await;
    older.shows("Indices 4 down to 0");
    older.shows("build-0");
    older.links_to("/console/Audit#entries");
    let within = node.get("/console/Audit?before=2").await;
    within.links_to("/console/Audit?before=27#entries");
    assert_eq!(
        node.get("/console/Audit?before=99999").await.status,
        StatusCode::OK
    );
    assert_eq!(
        node.get("/console/Audit?before=-1").await.status,
        StatusCode::BAD_REQUEST
    );
    assert_eq!(
        node.get("/console/Audit?page=2").await.status,
        StatusCode::BAD_REQUEST
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_scroll_says_that_it_is_empty() {
    let node = Served::start().await;
    node.create("Empty", "receipts", "public").await;
    let page = node.get("/console/Empty").await;
    assert_eq!(page.status, StatusCode::OK);
    page.shows("0 entries");
    page.shows("Nothing is recorded here yet.");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_page_shows_content_hashes_and_its_path_to_the_root() {
    let node = Served::start().await;
    node.furnish().await;
    let appended = node.append("Audit", json!({"type": "deployed", "deploy_id": "d-9", "tags": ["prod", "eu"], "to": {"region": "eu-1"}})).await;
    assert_eq!(appended["index"], 30);
    let page = node.get("/console/Audit/30").await;
    assert_eq!(page.status, StatusCode::OK);
    page.shows("deployed");
    page.shows("d-9");
    page.shows("prod");
    page.shows(appended["leaf_hash"].as_str().unwrap());
    page.shows(appended["root_hash"].as_str().unwrap());
    page.shows("&#34;region&#34;: &#34;eu-1&#34;");
    page.links_to("/scrolls/Audit/entries/30");
    page.links_to("/scrolls/Audit/proof?index=30");
    page.links_to("/console/Audit/29");
    // 31 = 16 + 8 + 4 + 2 + 1: the last entry stands alone and is joined with four subtrees on its left.
    page.shows("4 neighbouring hashes lead from this entry to the root");
    page.shows("Joined with entries 28–29 on the left: the hash over entries 28–30");
    page.shows("root of 31 entries");
    let leaf = appended["leaf_hash"]
        .as_str()
        .unwrap()
        .strip_prefix("sha256:")
        .unwrap();
    assert!(
        page.body
            .contains(&format!("<g class=\"leaf\"><title>{leaf}</title>")),
        "{}",
        page.body
    );
    let checkpoint = node.get("/scrolls/Audit/checkpoint").await.body;
    assert!(checkpoint.starts_with("log.example/Audit\n31\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_picture_ends_at_the_root_that_the_checkpoint_names() {
    let node = Served::start().await;
    node.furnish().await;
    node.operator(Method::POST, "/scrolls/Audit/checkpoint", "")
        .await;
    let info: serde_json::Value =
        serde_json::from_str(&node.get("/scrolls/Audit").await.body).unwrap();
    let root = info["checkpoint"]["root"]
        .as_str()
        .unwrap()
        .strip_prefix("sha256:")
        .unwrap();
    for index in [0, 13, 29] {
        let page = node.get(&format!("/console/Audit/{index}")).await;
        assert!(
            page.body
                .contains(&format!("<g class=\"root\"><title>{root}</title>")),
            "{index}: {}",
            page.body
        );
        page.shows(info["checkpoint"]["head_hash"].as_str().unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_only_entry_of_a_scroll_is_its_own_root() {
    let node = Served::start().await;
    node.create("One", "receipts", "public").await;
    node.append("One", json!({"type": "t"})).await;
    node.get("/console/One/0")
        .await
        .shows("The leaf hash of this entry is itself the root");
}

#[tokio::test(flavor = "multi_thread")]
async fn raw_entries_are_shown_as_text_or_as_digits() {
    let node = Served::start().await;
    node.furnish().await;
    node.get("/console/Journal")
        .await
        .shows("kernel: a line of text");
    node.get("/console/Journal")
        .await
        .shows("3 bytes that are not text");
    let text = node.get("/console/Journal/0").await;
    text.shows("kernel: a line of text");
    text.links_to("/scrolls/Journal/entries/0");
    node.get("/console/Journal/1").await.shows("0000 00 ff 10");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_a_page_too() {
    let node = Served::start().await;
    for path in [
        "/console/Nothing",
        "/console/Nothing/0",
        "/console/Identity/99",
        "/console/Identity/007",
        "/console/Identity/x",
    ] {
        let page = node.get(path).await;
        assert_eq!(page.status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(
            page.header(header::CONTENT_TYPE),
            "text/html; charset=utf-8",
            "{path}"
        );
        page.links_to("/");
    }
    assert_eq!(
        node.get("/assets/console.css").await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_hit_of_a_search_is_shown_at_once_and_many_as_a_list() {
    let node = Served::start().await;
    node.furnish().await;
    let appended = node
        .append("Audit", json!({"type": "t", "id": "only-one"}))
        .await;
    let leaf = appended["leaf_hash"].as_str().unwrap();
    let root = appended["root_hash"].as_str().unwrap();
    for q in [
        "only-one",
        leaf,
        root,
        leaf.strip_prefix("sha256:").unwrap(),
        root.strip_prefix("blake3:").unwrap(),
        "%20only-one%20",
        "30",
    ] {
        let found = node.get(&format!("/search?q={q}")).await;
        assert_eq!(
            (found.status, found.header(header::LOCATION)),
            (StatusCode::SEE_OTHER, "/console/Audit/30"),
            "{q}"
        );
    }
    node.append("Audit", json!({"type": "t", "id": "1"})).await;
    let many = node.get("/search?scroll=Audit&q=1").await;
    assert_eq!(many.status, StatusCode::OK);
    many.links_to("/console/Audit/1");
    many.links_to("/console/Audit/31");
    many.shows("2 found");
    let within = node.get("/search?scroll=Journal&q=only-one").await;
    within.shows("Nothing found");
    assert!(within.body.contains("<option value=\"Journal\" selected>"));
    assert_eq!(node.get("/search").await.status, StatusCode::OK);
    assert_eq!(
        node.get("/search?scroll=Nothing&q=1").await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        node.get("/search?q=1&q=2").await.status,
        StatusCode::BAD_REQUEST
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn erased_content_is_marked_and_its_receipt_still_proved() {
    let node = Served::start().await;
    node.create("Files", "receipts", "public").await;
    let index = node.seal("Files", "name and address").await;
    let session = node.session().await;
    let page = node
        .get_as(&session, &format!("/console/Files/{index}"))
        .await;
    page.links_to(&format!("/scrolls/Files/sealed/{index}"));
    page.shows("16 bytes of content that are kept beside the log");
    // Sealed content of a public scroll is not public.
    node.get(&format!("/console/Files/{index}"))
        .await
        .hides("/sealed/");
    node.get("/").await.shows("sealed content");
    let at = node.erase("Files", index).await;
    let page = node
        .get_as(&session, &format!("/console/Files/{index}"))
        .await;
    page.shows("Content erased on 20");
    page.links_to(&format!("/console/Files/{at}"));
    page.hides("/sealed/");
    page.shows("that this node signed");
    node.get(&format!("/console/Files/{at}"))
        .await
        .shows(&format!("the content of entry {index} was erased"));
    node.get("/console/Files").await.shows("content erased");
}

#[tokio::test(flavor = "multi_thread")]
async fn assets_are_in_the_binary_and_may_be_kept_for_good() {
    let node = Served::start().await;
    let page = node.get("/").await;
    for (start, kind) in [
        ("/assets/console-", "text/css; charset=utf-8"),
        ("/assets/icon-", "image/svg+xml"),
    ] {
        let at = page.body.find(start).unwrap();
        let address: String = page.body[at..].chars().take_while(|c| *c != '"').collect();
        let asset = node.get(&address).await;
        assert_eq!(
            (asset.status, asset.header(header::CONTENT_TYPE)),
            (StatusCode::OK, kind)
        );
        assert!(asset.header(header::CACHE_CONTROL).contains("immutable"));
        assert!(
            !asset.body.contains("http:") || asset.body.contains("http://www.w3.org/2000/svg"),
            "nothing from elsewhere"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_witness_shows_its_operator_the_logs_and_evidence_and_nobody_else() {
    let node = Served::start_witness().await;
    let page = node.get("/witnessed").await;
    assert_eq!(page.status, StatusCode::UNAUTHORIZED);
    page.links_to("/login");
    node.get("/").await.hides("/witnessed");
    let page = node.operator(Method::GET, "/witnessed", "").await;
    assert!(
        page.contains("No log has shown this witness two histories."),
        "{page}"
    );
    assert!(page.contains("w.example+"), "its keys: {page}");
    let vkey = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8";
    let added = json!({"vkey": vkey, "origin": "go.sum database tree"}).to_string();
    node.operator(Method::POST, "/witness/logs", added).await;
    let page = node.operator(Method::GET, "/witnessed", "").await;
    assert!(
        page.contains("go.sum database tree") && page.contains("nothing yet"),
        "{page}"
    );
    node.get("/witnessed/abc").await.hides("evidence");
    let other = Served::start().await;
    assert_eq!(
        other.get("/witnessed").await.status,
        StatusCode::UNAUTHORIZED
    );
}
