//! One test for each MUST of tlog-checkpoint (C2SP 5ba5ee8), named after it; and the head hash.
#![expect(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{
    ORIGIN, TIME, checkpoint, checkpoint_of, ed_log, ed_secret, junk_line, line, log_key, ml_log,
    ml_secret, name, verified, with_lines,
};
use quorate_merkle::{Hash, MAX_TREE_SIZE, leaf_hash};
use quorate_note::{
    Checkpoint, CheckpointError, HeadHash, KeyName, LogKey, LogSignatureError, LogSigner,
    NameError, NoteError, Origin, PublicKey, SignError, SignatureProblem, SignedCheckpoint,
    SignedCheckpointError, VerifierKey, WitnessKey, WrongRole,
};

const ROOT: &str = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";
const EMPTY_ROOT: &str = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";

fn ed_key() -> LogKey {
    log_key(ed_log().verifier_key())
}

fn unknown_log(origin: &str) -> LogSignatureError {
    LogSignatureError::UnknownLog {
        origin: Origin::new(origin).unwrap(),
    }
}

#[test]
fn checkpoint_text_is_read_and_written_as_in_the_spec() {
    let text = format!("example.com/behind-the-sofa\n20852163\n{ROOT}\n");
    let checkpoint = Checkpoint::parse(&text).unwrap();
    assert_eq!(checkpoint.origin().as_str(), "example.com/behind-the-sofa");
    assert_eq!(checkpoint.size(), 20_852_163);
    assert_eq!(
        checkpoint.root().to_string(),
        "0ac5186a91863e8e1d90c808014aa89bf5da8e3ee1d9f07630f0378f68f1ab62"
    );
    assert_eq!(checkpoint.note_text(), text);
}

// "The note text is a sequence of at least three non-empty lines, separated by newlines".
#[test]
fn checkpoint_has_three_lines() {
    for text in ["", "\n", "o\n", "o\n7\n", "o\n7", &format!("o\n7\n{ROOT}")] {
        assert_eq!(
            Checkpoint::parse(text),
            Err(CheckpointError::Form),
            "{text:?}"
        );
    }
    assert_eq!(
        Checkpoint::parse(&format!("\n7\n{ROOT}\n")),
        Err(CheckpointError::Origin(NameError::Empty))
    );
    assert_eq!(
        Checkpoint::parse(&format!("o\n\n{ROOT}\n")),
        Err(CheckpointError::Size)
    );
    assert_eq!(Checkpoint::parse("o\n7\n\n"), Err(CheckpointError::Root));
}

// L-06, "The origin MUST be non-empty".
#[test]
fn checkpoint_origin_must_be_non_empty() {
    assert_eq!(Origin::new(""), Err(NameError::Empty));
}

/// Ours: what fits the ML-DSA-44 message, and nothing that a terminal would act on.
#[test]
fn checkpoint_origin_has_at_most_255_bytes_and_no_control_characters() {
    assert!(Origin::new(&"o".repeat(255)).is_ok());
    assert_eq!(
        Origin::new(&"o".repeat(256)),
        Err(NameError::TooLong { len: 256 })
    );
    for control in ['\0', '\n', '\r', '\t', '\u{1b}', '\u{7f}', '\u{9b}'] {
        assert_eq!(Origin::new(&format!("o{control}")), Err(NameError::Control));
    }
}

// V-06, "clients MUST NOT assume that the origin is following this format or that the URL corresponds to a reachable
// endpoint". The Go checksum database has such an origin.
#[test]
fn checkpoint_origin_must_not_be_assumed_to_be_a_url() {
    for origin in ["go.sum database tree", "a+b", " ", "https://x/", "ä ö"] {
        let checkpoint = checkpoint_of(origin, 3);
        assert_eq!(Checkpoint::parse(&checkpoint.note_text()), Ok(checkpoint));
    }
    // No key can bear such a name, but a nameless or other one is not the log's either: such logs cannot be verified
    // here, because key name and origin must agree.
    assert_eq!(
        KeyName::of_log(&Origin::new("a b").unwrap()),
        Err(NameError::WhiteSpace)
    );
}

// L-07, "the ASCII decimal representation of the number of leaves in the tree, with no leading zeroes (unless the tree
// is empty, in which case the tree size is `0`)".
#[test]
fn checkpoint_size_must_be_a_canonical_decimal() {
    for size in [
        "00",
        "01",
        "+1",
        "-1",
        " 1",
        "1 ",
        "1_0",
        "1.0",
        "1e3",
        "0x10",
        "٣",
        "x",
        "18446744073709551616",
        "99999999999999999999999999",
    ] {
        assert_eq!(
            Checkpoint::parse(&format!("o\n{size}\n{ROOT}\n")),
            Err(CheckpointError::Size),
            "{size}"
        );
    }
    assert!(Checkpoint::parse(&format!("o\n0\n{EMPTY_ROOT}\n")).is_ok());
}

#[test]
fn checkpoint_size_is_at_most_2_to_the_62() {
    let text = |size: u64| format!("o\n{size}\n{ROOT}\n");
    assert!(Checkpoint::parse(&text(MAX_TREE_SIZE)).is_ok());
    for size in [MAX_TREE_SIZE + 1, u64::MAX] {
        assert_eq!(
            Checkpoint::parse(&text(size)),
            Err(CheckpointError::TooLarge { size })
        );
    }
}

// L-07, "the base64 encoding of the root"; canonical as of C2SP issue 348, after the pinned revision: one reader that
// accepts another encoding splits a quorum.
#[test]
fn checkpoint_root_must_be_canonical_base64_of_32_bytes() {
    for root in [
        "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2J=", // Padding bits that are not zero.
        "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I",  // No padding.
        "CsUYapGGPo4dkMgIAUqom_Xajj7h2fB2MPA3j2jxq2I=", // The alphabet for URLs.
        "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I= ",
        "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxqw==", // 31 bytes.
        "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2Ii", // 33 bytes.
        "",
    ] {
        assert_eq!(
            Checkpoint::parse(&format!("o\n7\n{root}\n")),
            Err(CheckpointError::Root),
            "{root}"
        );
    }
}

// W-16 (tlog-witness): a tree of size 0 has the root SHA-256("").
#[test]
fn checkpoint_of_an_empty_tree_must_have_the_empty_root() {
    assert_eq!(
        Checkpoint::parse(&format!("o\n0\n{ROOT}\n")),
        Err(CheckpointError::EmptyRoot)
    );
    assert_eq!(
        Checkpoint::new(Origin::new("o").unwrap(), 0, leaf_hash(b"")),
        Err(CheckpointError::EmptyRoot)
    );
    assert_eq!(checkpoint_of("o", 0).root(), &Hash::EMPTY_ROOT);
}

// "Extension lines, if any, MUST be non-empty. The use of extension lines is NOT RECOMMENDED": we take none at all.
#[test]
fn checkpoint_extension_lines_are_refused() {
    for extra in ["extension\n", "\n", "a\nb\n"] {
        assert_eq!(
            Checkpoint::parse(&format!("o\n7\n{ROOT}\n{extra}")),
            Err(CheckpointError::ExtensionLine),
            "{extra:?}"
        );
    }
    // Validly signed, and refused all the same, before any signature is looked at.
    let text = format!("{}extension\n", checkpoint().note_text());
    let signed = line(ed_log().verifier_key(), &ed_secret(1).sign(text.as_bytes()));
    assert_eq!(
        SignedCheckpoint::parse(format!("{text}\n{signed}\n").as_bytes()),
        Err(SignedCheckpointError::Checkpoint(
            CheckpointError::ExtensionLine
        ))
    );
}

// Signed notes' rules hold for checkpoints.
#[test]
fn checkpoint_that_is_no_note_is_refused() {
    assert_eq!(
        SignedCheckpoint::parse(checkpoint().note_text().as_bytes()),
        Err(SignedCheckpointError::Note(NoteError::NoBlankLine))
    );
    let crlf = with_lines(Vec::new()).to_string().replace('\n', "\r\n");
    assert!(matches!(
        SignedCheckpoint::parse(crlf.as_bytes()),
        Err(SignedCheckpointError::Note(
            NoteError::ControlCharacter { .. }
        ))
    ));
}

// L-10: a log signs with Ed25519 and with ML-DSA-44; V-01: nothing is known before one verified.
#[test]
fn checkpoint_signed_by_both_kinds_of_log_key_verifies_by_either() {
    let signed = SignedCheckpoint::sign(&checkpoint(), &[ed_log(), ml_log()], TIME).unwrap();
    let signed = SignedCheckpoint::parse(&signed.to_bytes()).unwrap();
    let (ed, ml) = (ed_key(), log_key(ml_log().verifier_key()));
    for (keys, signed_by) in [
        (vec![ed.clone()], vec![ed.clone()]),
        (vec![ml.clone()], vec![ml.clone()]),
        (vec![ml.clone(), ed.clone()], vec![ed.clone(), ml.clone()]),
    ] {
        let verified = signed.verify_log(&keys).unwrap();
        assert_eq!(verified.checkpoint(), &checkpoint());
        assert_eq!(verified.signed_by(), signed_by);
        assert_eq!(verified.log_lines().len(), signed_by.len());
        assert_eq!(verified.note(), signed.note());
    }
}

// "According to the note specification, clients MUST ignore unknown signatures. This enables, for example, log key
// rotation, and witness cosigning."
#[test]
fn checkpoint_signatures_by_unknown_keys_must_be_ignored() {
    let id = *ed_log().verifier_key().id().as_bytes();
    let signed = with_lines(vec![
        junk_line(ORIGIN, [1, 2, 3, 4], 64),
        junk_line("elsewhere.example", id, 64),
        junk_line("w.example", [5; 4], 72),
    ]);
    let verified = signed.verify_log(&[ed_key()]).unwrap();
    assert_eq!(verified.signed_by(), [ed_key()]);
    // They are not carried over.
    assert_eq!(verified.log_lines().len(), 1);
    assert_eq!(
        verified
            .with_cosignatures(&[])
            .unwrap()
            .note()
            .signatures()
            .len(),
        1
    );
}

// V-02: no known key, no checkpoint.
#[test]
fn checkpoint_without_a_known_signature_must_be_rejected() {
    let signed = with_lines(Vec::new());
    let stranger = LogSigner::ed25519(name(ORIGIN), ed_secret(9));
    for keys in [vec![], vec![log_key(stranger.verifier_key())]] {
        assert_eq!(signed.verify_log(&keys), Err(unknown_log(ORIGIN)));
    }
}

// V-02: a known key's signature that fails spoils the whole checkpoint, even beside a good one.
#[test]
fn checkpoint_with_a_failing_known_signature_is_rejected_as_a_whole() {
    let ml = ml_log();
    let mut signature = ml
        .sign_checkpoint(&checkpoint(), TIME)
        .unwrap()
        .signature()
        .to_vec();
    signature[100] ^= 1;
    let signed = with_lines(vec![line(ml.verifier_key(), &signature)]);
    assert_eq!(
        signed.verify_log(&[ed_key(), log_key(ml.verifier_key())]),
        Err(LogSignatureError::Invalid {
            name: name(ORIGIN),
            id: ml.verifier_key().id(),
            problem: SignatureProblem::Bad,
        })
    );
    assert!(signed.verify_log(&[ed_key()]).is_ok());
}

// V-08: a line counts only in the form of the configured key's type.
#[test]
fn checkpoint_signature_of_another_length_is_rejected() {
    let (ed, ml) = (ed_log(), ml_log());
    for (signer, lengths) in [(&ed, [63, 65, 72]), (&ml, [2420, 2427, 2429])] {
        for found in lengths {
            let forged = vec![line(signer.verifier_key(), &vec![0; found])];
            let signed = SignedCheckpoint::new(checkpoint(), forged).unwrap();
            let kind = signer.verifier_key().kind();
            assert_eq!(
                signed.verify_log(&[log_key(signer.verifier_key())]),
                Err(LogSignatureError::Invalid {
                    name: name(ORIGIN),
                    id: signer.verifier_key().id(),
                    problem: SignatureProblem::Length {
                        kind,
                        expected: kind.signature_len(),
                        found,
                    },
                })
            );
        }
    }
}

// L-09, "The log's key name in its signature line SHOULD match the origin line"; tlog-policy: "MUST correspond". The
// same key under another name is another log's.
#[test]
fn checkpoint_log_key_name_must_be_the_origin() {
    let other = VerifierKey::new(
        name("other.example"),
        PublicKey::Ed25519(ed_secret(1).public()),
    );
    let signature = ed_secret(1).sign(checkpoint().note_text().as_bytes());
    let signed = with_lines(vec![line(&other, &signature)]);
    assert_eq!(
        signed.verify_log(&[log_key(&other)]),
        Err(unknown_log(ORIGIN))
    );
    let lines = vec![line(&other, &signature)];
    let signed = SignedCheckpoint::new(checkpoint(), lines).unwrap();
    let raw = LogKey::from_raw_ed25519(*ed_secret(1).public().as_bytes()).unwrap();
    for key in [log_key(&other), raw, ed_key()] {
        assert_eq!(signed.verify_log(&[key]), Err(unknown_log(ORIGIN)));
    }
}

#[test]
fn nameless_log_key_verifies_under_any_origin() {
    let raw = LogKey::from_raw_ed25519(*ed_secret(1).public().as_bytes()).unwrap();
    assert!(raw.is_raw());
    assert_eq!(raw.verifier_key(), None);
    for origin in [ORIGIN, "another.example/log"] {
        let signer = LogSigner::ed25519(name(origin), ed_secret(1));
        let signed = SignedCheckpoint::sign(&checkpoint_of(origin, 5), &[signer], TIME).unwrap();
        let verified = signed.verify_log(std::slice::from_ref(&raw)).unwrap();
        assert_eq!(verified.signed_by(), std::slice::from_ref(&raw));
    }
    // And fails there like any known key.
    let forged = vec![line(ed_log().verifier_key(), &[0x5a; 64])];
    let signed = SignedCheckpoint::new(checkpoint(), forged).unwrap();
    assert!(matches!(
        signed.verify_log(&[raw]),
        Err(LogSignatureError::Invalid {
            problem: SignatureProblem::Bad,
            ..
        })
    ));
}

// V-08: roles. A co-signing key never signs as the log, whatever its name.
#[test]
fn log_keys_and_witness_keys_have_their_own_types() {
    let public = ed_secret(1).public();
    let log = VerifierKey::new(name("a"), PublicKey::Ed25519(public));
    let cosigner = VerifierKey::new(name("a"), PublicKey::Ed25519Cosignature(public));
    let both = VerifierKey::new(name("a"), PublicKey::MlDsa44(ml_secret(1).public()));
    assert!(LogKey::try_from(log.clone()).is_ok());
    assert!(WitnessKey::try_from(cosigner.clone()).is_ok());
    assert!(LogKey::try_from(both.clone()).is_ok());
    assert!(WitnessKey::try_from(both).is_ok());
    assert_eq!(
        LogKey::try_from(cosigner.clone()),
        Err(WrongRole {
            kind: cosigner.kind()
        })
    );
    assert_eq!(
        WitnessKey::try_from(log.clone()),
        Err(WrongRole { kind: log.kind() })
    );
}

// L-01, L-02: what we sign is what we would read.
#[test]
fn log_signer_signs_for_its_own_origin_only() {
    for signer in [ed_log(), ml_log()] {
        let other = checkpoint_of("other.example", 5);
        assert_eq!(
            signer.sign_checkpoint(&other, TIME),
            Err(SignError::OtherLog {
                name: name(ORIGIN),
                origin: Origin::new("other.example").unwrap(),
            })
        );
    }
}

#[test]
fn log_signature_needs_a_time_and_signers_once_each() {
    for timestamp in [0, 1 << 63, u64::MAX] {
        for signer in [ed_log(), ml_log()] {
            assert_eq!(
                signer.sign_checkpoint(&checkpoint(), timestamp),
                Err(SignError::Timestamp { timestamp })
            );
        }
    }
    assert_eq!(
        SignedCheckpoint::sign(&checkpoint(), &[], TIME),
        Err(SignError::Note(NoteError::NoSignature))
    );
    assert!(matches!(
        SignedCheckpoint::sign(&checkpoint(), &[ed_log(), ed_log()], TIME),
        Err(SignError::Note(NoteError::Duplicate { .. }))
    ));
}

// The head hash: BLAKE3 in derive-key mode over the note text.
#[test]
fn head_hash_is_blake3_derive_key_over_the_note_text() {
    let head = checkpoint_of("example.com/log", 0).head_hash();
    let by_hand = blake3::derive_key(
        "quorate v1 head hash",
        format!("example.com/log\n0\n{EMPTY_ROOT}\n").as_bytes(),
    );
    assert_eq!(head.as_bytes(), &by_hand);
    let text = head.to_string();
    assert!(text.starts_with("blake3:") && text.len() == 7 + 64);
    assert_eq!(text.parse(), Ok(head));
    assert_eq!(HeadHash::from_bytes(by_hand), head);
    for bad in [
        text.to_uppercase(),
        text.replace("blake3", "sha256"),
        text[..70].to_owned(),
        format!("{text}0"),
        text[7..].to_owned(),
    ] {
        assert!(bad.parse::<HeadHash>().is_err(), "{bad}");
    }
}

#[test]
fn head_hash_commits_to_origin_size_and_root() {
    let base = Checkpoint::new(Origin::new("a").unwrap(), 7, leaf_hash(b"1")).unwrap();
    for other in [
        Checkpoint::new(Origin::new("b").unwrap(), 7, leaf_hash(b"1")).unwrap(),
        Checkpoint::new(Origin::new("a").unwrap(), 8, leaf_hash(b"1")).unwrap(),
        Checkpoint::new(Origin::new("a").unwrap(), 7, leaf_hash(b"2")).unwrap(),
    ] {
        assert_ne!(base.head_hash(), other.head_hash());
    }
}

#[test]
fn secret_keys_and_signers_do_not_print_their_secrets() {
    let secret_hex = "01".repeat(4);
    for printed in [
        format!("{:?}", ed_secret(1)),
        format!("{:?}", ml_secret(1)),
        format!("{:?}", ed_log()),
        format!("{:?}", ml_log()),
        format!("{:?}", common::ed_witness(1)),
        format!("{:?}", common::ml_witness(1)),
    ] {
        assert!(!printed.contains(&secret_hex), "{printed}");
        assert!(!printed.contains("1, 1, 1"), "{printed}");
    }
    let _ = verified();
}
