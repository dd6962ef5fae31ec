//! Witnesses behind TLS, with real certificates.

use std::sync::Arc;

use serde_json::Value;
use tokio_rustls::rustls::ServerConfig;

use crate::front::{Authority, Front, self_signed};
use crate::scene::{Place, Running, policy};

/// Long after any run of this test, long before, and the host in the policy's URLs.
const LATER: i32 = 4000;
const BEFORE: i32 = 2020;
const HOST: &str = "localhost";

/// Witnesses that follow a scroll, each behind a front that shows one of these, and a node that trusts `ca.pem` only.
/// All of them are needed for a quorum.
struct Scene {
    _node: Running,
    _witnesses: Vec<Running>,
    _runtime: tokio::runtime::Runtime,
    fronts: Vec<Front>,
    place: Place,
}

impl Scene {
    fn new(trusted: &Authority, servers: Vec<Arc<ServerConfig>>) -> Self {
        let place = Place(tempfile::tempdir().unwrap());
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let all = servers.len();
        let witnesses = place.followed_scroll(u8::try_from(all).unwrap(), "restricted");
        let fronts = witnesses.iter().zip(servers);
        let fronts: Vec<Front> = fronts
            .map(|(witness, server)| runtime.block_on(Front::of(witness.address(), server)))
            .collect();
        let urls: Vec<_> = witnesses
            .iter()
            .zip(fronts.iter().map(Front::url))
            .collect();
        policy(&place.path("policy"), all, &urls);
        trusted.write(&place.path("ca.pem"));
        let mut up = place.up(&["--policy", "policy"]);
        up.env("SSL_CERT_FILE", place.path("ca.pem"));
        let node = Running::of(up);
        Self {
            _node: node,
            _witnesses: witnesses,
            _runtime: runtime,
            fronts,
            place,
        }
    }
}

/// What the node says of each witness, by its place in the policy.
fn troubles(info: &Value) -> Vec<String> {
    let witnesses = info["witnessing"]["witnesses"].as_array().unwrap();
    let trouble = |w: &Value| w["trouble"].as_str().unwrap_or_default().to_owned();
    witnesses.iter().map(trouble).collect()
}

#[test]
fn a_receipt_becomes_quorate_over_tls_with_an_authority_that_the_operator_added() {
    let authority = Authority::new("Witness CA");
    let servers = (0..2).map(|_| authority.server(HOST, LATER)).collect();
    let scene = Scene::new(&authority, servers);
    let (status, answer) = scene.place.append(60);
    let watermark = &answer["watermark"];
    assert_eq!((status, watermark), (200, &"quorate".into()), "{answer}");
    let proof = answer["proof"].as_str().unwrap();
    assert!(scene.place.verify(proof, 0).status.success(), "{proof}");
    for front in &scene.fronts {
        assert!(front.handshakes() > 0);
    }
}

/// Nothing but the certificate stands between the node and the witness: with a good one the same receipt is quorate.
#[test]
fn a_witness_whose_certificate_is_not_its_own_is_sent_nothing_and_the_operator_is_told_why() {
    let authority = Authority::new("Witness CA");
    let stranger = Authority::new("Another CA");
    let impostor = Authority::new("Witness CA");
    let cases = [
        (
            stranger.server(HOST, LATER),
            "by no authority that this system trusts",
        ),
        (
            impostor.server(HOST, LATER),
            "not signed by the authority that it names",
        ),
        (
            authority.server(HOST, BEFORE),
            "expired (2020-01-01T00:00:00Z)",
        ),
        (
            authority.server("other.example", LATER),
            "is not for the host in its URL",
        ),
        (
            self_signed(HOST),
            "is that of an authority, as self-signed ones often are",
        ),
    ];
    let servers = cases.iter().map(|(server, _)| Arc::clone(server));
    let scene = Scene::new(&authority, servers.collect());
    let place = &scene.place;

    // Durable, whatever the witnesses do; how long is waited for them decides nothing.
    let (status, answer) = place.append(1);
    let watermark = &answer["watermark"];
    assert_eq!((status, watermark), (202, &"durable".into()), "{answer}");
    let told = place.until(|info| {
        let troubles = troubles(info);
        troubles.iter().all(|t| t.contains("TLS certificate"))
    });
    for (trouble, (_, words)) in troubles(&told).iter().zip(&cases) {
        assert!(trouble.contains(words), "{words:?} is not in {trouble:?}");
    }
    // The command says the same.
    let shown = place.shown();
    assert_eq!(troubles(&shown).len(), cases.len());
    assert!(
        troubles(&shown)
            .iter()
            .all(|t| t.contains("TLS certificate")),
        "{shown}"
    );
    assert_eq!(shown["witnessing"]["quorate"], Value::Null, "{shown}");
    for front in &scene.fronts {
        assert_eq!(front.handshakes(), 0, "nothing was sent");
    }

    for front in &scene.fronts {
        front.shows(authority.server(HOST, LATER));
    }
    let mended = place.until(|info| info["watermark"] == "quorate");
    assert!(troubles(&mended).iter().all(String::is_empty), "{mended}");
    assert_eq!(mended["witnessing"]["quorate"]["size"], 1);
}
