//! The anchor file: what is no anchor is an error, and never a weaker anchor.

use quorate_verify::anchor::{Anchor, AnchorError};

use crate::common::{hex, log_vkey, mldsa_log_vkey};
use crate::world::{anchor_text, jwks, policy_text};

fn error(text: &str) -> AnchorError {
    Anchor::parse(text.as_bytes()).unwrap_err()
}

#[test]
fn no_anchor_is_an_error() {
    for text in ["{}", r#"{"trust_jwks":{"keys":[]}}"#, r#"{"keys":[]}"#] {
        assert_eq!(error(text), AnchorError::NoActors, "{text}");
    }
    for text in ["", "null", "[]", "\"\"", "{\"keys\":{}}", "{\"keys\":[1]}"] {
        assert!(Anchor::parse(text.as_bytes()).is_err(), "{text}");
    }
}

#[test]
fn r3_unknown_and_misspelt_members_are_errors_at_every_depth() {
    let unknown = |text: &str, path: &str| {
        assert_eq!(
            error(text),
            AnchorError::Unknown { path: path.into() },
            "{text}"
        );
    };
    let keys = jwks("");
    unknown(
        &format!(r#"{{"trust_jwk":{keys}}}"#)
            .replace("trust_jwk\"", "trust_jwks\":{\"keys\":[]},\"trust_jwk\""),
        "trust_jwk",
    );
    unknown(
        &anchor_text(r#","cosignature_treshold":2"#),
        "cosignature_treshold",
    );
    unknown(
        &anchor_text(r#","require":{"payload_bindin":true}"#),
        "require.payload_bindin",
    );
    unknown(&jwks(r#","subject":["did:vm:agent:a"]"#), "keys[0].subject");
    unknown(&keys.replace("]}", r#"],"more":1}"#), "more");
    unknown(
        &format!(r#"{{"trust_jwks":{}}}"#, jwks(r#","exp":1"#)),
        "trust_jwks.keys[0].exp",
    );
}

#[test]
fn a_threshold_of_zero_or_above_the_number_of_keys_is_an_error() {
    let text = |threshold: &str| {
        format!(
            r#"{{"trust_jwks":{},"trusted_witnesses_hex":["{}","{}"],"cosignature_threshold":{threshold}}}"#,
            jwks(""),
            hex(1),
            hex(2)
        )
    };
    for threshold in ["0", "3", "-1", "1.5", "\"1\"", "null"] {
        let AnchorError::Expected { path, .. } = error(&text(threshold)) else {
            panic!("{threshold}");
        };
        assert_eq!(path, "cosignature_threshold");
    }
    for threshold in ["1", "2"] {
        Anchor::parse(text(threshold).as_bytes()).unwrap();
    }
}

#[test]
fn one_key_under_two_names_is_an_error() {
    let twice = format!(
        r#"{{"trust_jwks":{},"trusted_witnesses_hex":["{}","{}"],"cosignature_threshold":2}}"#,
        jwks(""),
        hex(1),
        hex(1).to_uppercase()
    );
    let path = "trusted_witnesses_hex[1]".into();
    assert_eq!(error(&twice), AnchorError::DuplicateKey { path });
    let one = jwks("");
    let key = &one[one.find('[').unwrap() + 1..one.rfind(']').unwrap()];
    let two = format!(
        r#"{{"keys":[{key},{}]}}"#,
        key.replace("builder", "deployer")
    );
    let path = "keys[1]".into();
    assert_eq!(error(&two), AnchorError::DuplicateKey { path });
    let policy = policy_text().replace("group", "witness again ");
    assert!(matches!(
        error(&format!(
            r#"{{"trust_jwks":{one},"policy":"{}"}}"#,
            policy.replace('\n', "\\n")
        )),
        AnchorError::Policy(_)
    ));
}

#[test]
fn members_that_contradict_each_other_are_errors() {
    let keys = jwks("");
    let contradicts = |text: &str| {
        assert!(
            matches!(error(text), AnchorError::Contradiction(_)),
            "{text}"
        );
    };
    contradicts(&anchor_text(&format!(r#","logs":["{}"]"#, log_vkey(100))));
    contradicts(&anchor_text(&format!(
        r#","trusted_witnesses_hex":["{}"],"cosignature_threshold":1"#,
        hex(1)
    )));
    contradicts(&format!(
        r#"{{"trust_jwks":{keys},"trusted_witnesses_hex":["{}"]}}"#,
        hex(1)
    ));
    contradicts(&format!(
        r#"{{"trust_jwks":{keys},"cosignature_threshold":1}}"#
    ));
    contradicts(&format!(
        r#"{{"trust_jwks":{keys},"require":{{"max_age_seconds":5}}}}"#
    ));
    let (one, two) = (log_vkey(100), log_vkey(100));
    contradicts(&format!(
        r#"{{"trust_jwks":{keys},"logs":["{one}","{two}"]}}"#
    ));
    contradicts(&anchor_text(
        r#","require_payload_binding":true,"require":{"payload_binding":false}"#,
    ));
    let no_log: String = policy_text()
        .lines()
        .skip(1)
        .map(|line| format!("{line}\\n"))
        .collect();
    contradicts(&format!(r#"{{"trust_jwks":{keys},"policy":"{no_log}"}}"#));
}

#[test]
fn a_key_is_an_ed25519_jwk_in_its_one_form_and_not_private() {
    let key = jwks("");
    let private = jwks(r#","d":"AAAA""#);
    assert_eq!(
        error(&private),
        AnchorError::PrivateKey {
            path: "keys[0]".into()
        }
    );
    let x = crate::world::x_of(&crate::world::actor_key());
    for (from, to) in [
        ("OKP", "EC"),
        ("Ed25519", "X25519"),
        (&*x, &x[1..]),
        (&*x, &format!("{x}=")),
        // The last character's low bits are unused and must be zero.
        (&*x, &format!("{}{}", &x[..42], next_letter(&x[42..]))),
        (r#""kid":"builder""#, r#""kid":"""#),
        (r#""kid":"builder""#, r#""alg":"RS256""#),
        (r#""kid":"builder""#, r#""use":"enc""#),
        (r#""kid":"builder""#, r#""key_ops":["sign"]"#),
        (r#""kid":"builder""#, r#""subjects":[]"#),
        (r#""kid":"builder""#, r#""subjects":["*"]"#),
        (r#""kid":"builder""#, r#""subjects":["did:vm:agent:b*"]"#),
        (r#""kid":"builder""#, r#""subjects":["spiffe://*"]"#),
        (r#""kid":"builder""#, r#""subjects":["spiffe:*"]"#),
        (r#""kid":"builder""#, r#""subjects":["did:vm:*"]"#),
        (r#""kid":"builder""#, r#""not_after":"tomorrow""#),
        (
            r#""kid":"builder""#,
            r#""not_before":"2026-01-02T00:00:00Z","not_after":"2026-01-01T23:59:59Z""#,
        ),
    ] {
        let changed = key.replace(from, to);
        assert_ne!(changed, key, "{from} stands in it");
        assert!(Anchor::parse(changed.as_bytes()).is_err(), "{to}");
    }
    for (from, to) in [
        (r#""kid":"builder","#, ""),
        (
            r#""kid":"builder""#,
            r#""alg":"EdDSA","use":"sig","key_ops":["verify"]"#,
        ),
        (
            r#""kid":"builder""#,
            r#""not_before":"2026-01-02T00:00:00Z","not_after":"2026-01-02T00:00:00Z""#,
        ),
        (
            r#""kid":"builder""#,
            r#""subjects":["spiffe://a.example/*","did:vm:human:*"]"#,
        ),
    ] {
        Anchor::parse(key.replace(from, to).as_bytes()).unwrap();
    }
}

fn next_letter(letter: &str) -> char {
    char::from(letter.as_bytes()[0] + 1)
}

#[test]
fn logs_are_vkeys_of_logs() {
    let keys = jwks("");
    let text = |logs: &str| format!(r#"{{"trust_jwks":{keys},"logs":{logs}}}"#);
    for logs in ["[]", "{}", "[\"x\"]", "[7]"] {
        assert!(
            matches!(error(&text(logs)), AnchorError::Expected { .. }),
            "{logs}"
        );
    }
    let both = format!(r#"["{}","{}"]"#, log_vkey(100), mldsa_log_vkey(100));
    Anchor::parse(text(&both).as_bytes()).unwrap();
}

#[test]
fn an_anchor_is_read_up_to_its_longest() {
    let mut text = jwks("").into_bytes();
    text.resize(1 << 20, b' ');
    Anchor::parse(&text).unwrap();
    text.push(b' ');
    let length = text.len();
    assert_eq!(
        Anchor::parse(&text).unwrap_err(),
        AnchorError::TooLong { length }
    );
}

#[test]
fn an_audience_and_a_nonce_that_are_not_asked_for_are_told_apart() {
    let told = |require: &str| {
        let anchor = Anchor::parse(anchor_text(&format!(r#","require":{{{require}}}"#)).as_bytes());
        let lines = anchor.unwrap().not_asked();
        ["An audience: ", "A nonce: "].map(|start| lines.iter().any(|line| line.starts_with(start)))
    };
    assert_eq!(told(""), [true, true]);
    assert_eq!(told(r#""audience":"a""#), [false, true]);
    assert_eq!(told(r#""nonce":"n""#), [true, false]);
    assert_eq!(told(r#""audience":"a","nonce":"n""#), [false, false]);
}
