//! One test for each MUST of signed-note (C2SP 5ba5ee8), named after it.
#![expect(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{ed_log, ed_secret, junk_line, name};
use quorate_note::{
    KeyId, KeyKind, KeyName, MAX_NOTE_LEN, MAX_SIGNATURES, NameError, NoteError,
    NoteSignatureError, PublicKey, SignatureLine, SignatureLineError, SignedNote, VerifierKey,
    VerifierKeyError, base64,
};

const TEXT: &str = "a text\n\nof two parts\n";
const LINE: &str = "\u{2014} example.org/a AAAAAQI=";

fn parse(note: &str) -> Result<SignedNote, NoteError> {
    SignedNote::parse(note.as_bytes())
}

fn key(key_name: &str, seed: u8) -> VerifierKey {
    let public = ed_secret(seed).public();
    VerifierKey::new(name(key_name), PublicKey::Ed25519(public))
}

fn sign(key_name: &str, seed: u8, text: &str) -> SignatureLine {
    let signature = ed_secret(seed).sign(text.as_bytes());
    let key = key(key_name, seed);
    SignatureLine::new(name(key_name), key.id(), &signature).unwrap()
}

// "A signed note consists of a text ending in newline (U+000A), followed by a blank line (only a newline), followed by
// one or more signature lines".
#[test]
fn signed_note_text_must_end_in_newline() {
    assert_eq!(
        SignedNote::new("text", vec![junk_line("a", [0; 4], 1)]),
        Err(NoteError::NoBlankLine)
    );
    assert_eq!(
        parse(&format!("text\n{LINE}\n")),
        Err(NoteError::NoBlankLine)
    );
    assert_eq!(parse(&format!("\n{LINE}\n")), Err(NoteError::NoBlankLine));
    assert_eq!(parse(""), Err(NoteError::NoBlankLine));
    // The text may be one empty line, but not nothing.
    assert_eq!(
        parse(&format!("\n\n{LINE}\n")).unwrap().text_unverified(),
        "\n"
    );
}

#[test]
fn signed_note_must_have_a_signature() {
    assert_eq!(parse("text\n\n"), Err(NoteError::NoSignature));
    assert_eq!(
        SignedNote::new("text\n", Vec::new()),
        Err(NoteError::NoSignature)
    );
}

// "em dash (U+2014), space (U+0020), key name, space, base64-encoded signature, newline".
#[test]
fn signed_note_signature_lines_have_one_form() {
    assert!(SignatureLine::parse(LINE).is_ok());
    for (line, error) in [
        ("- example.org/a AAAAAQI=", SignatureLineError::Form),
        ("\u{2013} example.org/a AAAAAQI=", SignatureLineError::Form),
        ("\u{2014}example.org/a AAAAAQI=", SignatureLineError::Form),
        (
            "\u{2014}\u{a0}example.org/a AAAAAQI=",
            SignatureLineError::Form,
        ),
        (" \u{2014} example.org/a AAAAAQI=", SignatureLineError::Form),
        ("\u{2014} example.org/a", SignatureLineError::Form),
        ("\u{2014} example.org/a ", SignatureLineError::TooShort),
        (
            "\u{2014} example.org/a  AAAAAQI=",
            SignatureLineError::Base64,
        ),
        (
            "\u{2014} example.org/a AAAAAQI= ",
            SignatureLineError::Base64,
        ),
        (
            "\u{2014} example.org/a AAAAAQI= x",
            SignatureLineError::Base64,
        ),
        (
            "\u{2014}  example.org/a AAAAAQI=",
            SignatureLineError::Name(NameError::Empty),
        ),
    ] {
        assert_eq!(SignatureLine::parse(line), Err(error), "{line:?}");
        assert_eq!(
            parse(&format!("text\n\n{line}\n")),
            Err(NoteError::Signature { index: 0, error }),
            "{line:?}"
        );
    }
    assert_eq!(
        parse(&format!("text\n\n{LINE}")),
        Err(NoteError::Unterminated)
    );
    assert!(matches!(
        parse(&format!("text\n\n{LINE}\ntrailing\n")),
        Err(NoteError::Signature { index: 1, .. })
    ));
}

// "Signatures are the base64 encoding of 4+n bytes": R4 takes the canonical encoding only.
#[test]
fn signed_note_signature_must_be_canonical_base64_of_more_than_a_key_id() {
    for (blob, error) in [
        ("AAAAAQI", SignatureLineError::Base64),
        ("AAAAAQJ=", SignatureLineError::Base64),
        ("AAAA-_I=", SignatureLineError::Base64),
        ("AAAAAQ==", SignatureLineError::TooShort),
        ("AAAA", SignatureLineError::TooShort),
    ] {
        let line = format!("\u{2014} example.org/a {blob}");
        assert_eq!(SignatureLine::parse(&line), Err(error), "{blob}");
    }
    assert_eq!(
        SignatureLine::new(name("a"), KeyId::from_bytes([0; 4]), &[]),
        Err(SignatureLineError::TooShort)
    );
}

// "Signed notes MUST be valid UTF-8".
#[test]
fn signed_note_must_be_utf8() {
    let mut note = b"te\xffxt\n\n".to_vec();
    note.extend_from_slice(LINE.as_bytes());
    note.push(b'\n');
    assert_eq!(
        SignedNote::parse(&note),
        Err(NoteError::NotUtf8 { offset: 2 })
    );
    // An overlong encoding and a surrogate are not UTF-8 either.
    for bytes in [&b"\xc0\x8a\n\n"[..], b"\xed\xa0\x80\n\n"] {
        assert!(matches!(
            SignedNote::parse(bytes),
            Err(NoteError::NotUtf8 { .. })
        ));
    }
}

// "and MUST NOT contain any ASCII control characters (those below U+0020) other than newline".
#[test]
fn signed_note_must_not_contain_control_characters() {
    for byte in (0_u8..0x20).filter(|b| *b != b'\n') {
        let c = char::from(byte);
        let error = Err(NoteError::ControlCharacter { offset: 1, byte });
        assert_eq!(parse(&format!("t{c}\n\n{LINE}\n")), error, "{byte:02x}");
        assert_eq!(
            SignedNote::new(&format!("t{c}\n"), vec![junk_line("a", [0; 4], 1)]),
            error
        );
        assert!(parse(&format!("text\n\n{LINE}{c}\n")).is_err());
    }
    // DEL is not below U+0020.
    assert!(parse(&format!("t\u{7f}\n\n{LINE}\n")).is_ok());
}

#[test]
fn signed_note_with_crlf_line_ends_is_refused() {
    let note = format!("{TEXT}\n{LINE}\n").replace('\n', "\r\n");
    assert!(matches!(
        parse(&note),
        Err(NoteError::ControlCharacter { byte: b'\r', .. })
    ));
}

// "The note text includes the final newline but not the separating blank line … the text is separated from the
// signatures by the last empty line in the note."
#[test]
fn signed_note_is_split_at_its_last_empty_line() {
    let note = parse(&format!("{TEXT}\n{LINE}\n")).unwrap();
    assert_eq!(note.text_unverified(), TEXT);
    // A text may end in an empty line, and may hold what looks like a signature line.
    let note = parse(&format!("{LINE}\n\n\n{LINE}\n")).unwrap();
    assert_eq!(note.text_unverified(), format!("{LINE}\n\n"));
    assert_eq!(note.signatures().len(), 1);
}

// "Key names MUST be non-empty and MUST NOT contain any Unicode spaces or plus (U+002B) characters."
#[test]
fn signed_note_key_names_must_be_non_empty_without_spaces_and_plus() {
    assert_eq!(KeyName::new(""), Err(NameError::Empty));
    assert_eq!(KeyName::new("a+b"), Err(NameError::Plus));
    for space in [
        ' ', '\u{a0}', '\u{1680}', '\u{2000}', '\u{2009}', '\u{2028}', '\u{2029}', '\u{202f}',
        '\u{205f}', '\u{3000}',
    ] {
        assert_eq!(
            KeyName::new(&format!("a{space}b")),
            Err(NameError::WhiteSpace),
            "{space:?}"
        );
    }
    // The spaces that are control characters too: tab to CR, NEL.
    for space in ['\t', '\n', '\u{b}', '\u{c}', '\r', '\u{85}'] {
        assert_eq!(KeyName::new(&format!("a{space}b")), Err(NameError::Control));
    }
    for fine in ["a", "example.org/ä", "oid/1.3.6.1", "a/b?c=d#e", "\u{2014}"] {
        assert!(KeyName::new(fine).is_ok(), "{fine}");
    }
    assert!(matches!(
        parse("text\n\n\u{2014} a+b AAAAAQI=\n"),
        Err(NoteError::Signature {
            index: 0,
            error: SignatureLineError::Name(NameError::Plus)
        })
    ));
}

/// Ours: the one-byte length of tlog-cosignature, and nothing that a terminal would act on.
#[test]
fn key_names_have_at_most_255_bytes_and_no_control_characters() {
    assert!(KeyName::new(&"n".repeat(255)).is_ok());
    assert_eq!(
        KeyName::new(&"n".repeat(256)),
        Err(NameError::TooLong { len: 256 })
    );
    assert_eq!(
        KeyName::new(&"ä".repeat(128)),
        Err(NameError::TooLong { len: 256 })
    );
    for control in ['\0', '\u{1b}', '\u{7f}', '\u{9b}'] {
        assert_eq!(
            KeyName::new(&format!("a{control}")),
            Err(NameError::Control)
        );
    }
}

// "Verifiers SHOULD apply a maximum limit to the number of signatures in a note …, but MUST accept at least up to 16
// signatures. Remember that post-quantum signatures can be up to nearly 5kB in size."
#[test]
fn signed_note_must_accept_16_signatures() {
    let mut lines: Vec<_> = (0..15)
        .map(|i| junk_line(&format!("w{i}.example"), [i; 4], 4700))
        .collect();
    lines.push(sign("a", 1, TEXT));
    let note = SignedNote::new(TEXT, lines).unwrap();
    let note = SignedNote::parse(&note.to_bytes()).unwrap();
    assert_eq!(note.signatures().len(), 16);
    assert!(note.verify(&[key("a", 1)]).is_ok());
}

#[test]
fn signed_note_limits_the_number_of_signatures() {
    let lines = |n: usize| -> Vec<_> {
        (0..n)
            .map(|i| junk_line(&format!("w{i}"), [0; 4], 64))
            .collect()
    };
    let most = SignedNote::new(TEXT, lines(MAX_SIGNATURES)).unwrap();
    assert_eq!(SignedNote::parse(&most.to_bytes()).unwrap(), most);
    assert_eq!(
        SignedNote::new(TEXT, lines(MAX_SIGNATURES + 1)),
        Err(NoteError::TooManySignatures)
    );
    let mut bytes = most.to_bytes();
    bytes.extend_from_slice(format!("{LINE}\n").as_bytes());
    assert_eq!(SignedNote::parse(&bytes), Err(NoteError::TooManySignatures));
}

#[test]
fn signed_note_limits_the_size() {
    let rest = format!("\n\n{LINE}\n");
    let longest = "x".repeat(MAX_NOTE_LEN - rest.len()) + &rest;
    let note = parse(&longest).unwrap();
    let longer = "x".to_owned() + &longest;
    let error = NoteError::TooLong {
        len: MAX_NOTE_LEN + 1,
    };
    assert_eq!(parse(&longer), Err(error.clone()));
    assert_eq!(
        SignedNote::new(
            &("x".to_owned() + note.text_unverified()),
            note.signatures().to_vec()
        ),
        Err(error)
    );
}

// C2SP pull request 257, after the pinned revision: the same (name, key ID) twice is refused.
#[test]
fn signed_note_refuses_two_signatures_by_the_same_key() {
    let note = format!("text\n\n{LINE}\n\u{2014} example.org/b AAAAAQI=\n{LINE}\n");
    let error = NoteError::Duplicate {
        name: name("example.org/a"),
        id: KeyId::from_bytes([0, 0, 0, 1]),
    };
    assert_eq!(parse(&note), Err(error.clone()));
    // Another signature does not make it another key.
    let other = "\u{2014} example.org/a AAAAAQM=";
    assert_eq!(
        parse(&format!("text\n\n{LINE}\n{other}\n")),
        Err(error.clone())
    );
    let twice = vec![
        SignatureLine::parse(LINE).unwrap(),
        SignatureLine::parse(other).unwrap(),
    ];
    assert_eq!(SignedNote::new("text\n", twice), Err(error));
    // Another ID does.
    assert!(
        parse(&format!(
            "text\n\n{LINE}\n\u{2014} example.org/a AAAAAgI=\n"
        ))
        .is_ok()
    );
}

// "Verifiers MUST ignore signatures from unknown keys, even if they share a name or ID (but not both) with a known
// key."
#[test]
fn signed_note_must_ignore_unknown_keys_even_of_the_same_name_or_id() {
    let known = key("a", 1);
    let same_name = junk_line("a", [1, 2, 3, 4], 64);
    let same_id = junk_line("b", *known.id().as_bytes(), 64);
    let note = SignedNote::new(TEXT, vec![same_name, same_id, sign("a", 1, TEXT)]).unwrap();
    let verified = note.verify(std::slice::from_ref(&known)).unwrap();
    assert_eq!(verified.signed_by(), [known]);
    assert_eq!(verified.text(), TEXT);
}

// "If the key name and ID match a known key, verifiers MUST verify the signature. If a signature from a known key fails
// to verify, clients SHOULD reject the whole note."
#[test]
fn signed_note_with_a_failing_known_signature_is_rejected_as_a_whole() {
    let (good, bad) = (key("a", 1), key("b", 2));
    for signature in [&[0x5a; 64][..], &[0x5a; 63], &[0x5a; 65], &[0x5a; 72], &[1]] {
        let forged = SignatureLine::new(name("b"), bad.id(), signature).unwrap();
        let note = SignedNote::new(TEXT, vec![sign("a", 1, TEXT), forged]).unwrap();
        assert_eq!(
            note.verify(&[good.clone(), bad.clone()]),
            Err(NoteSignatureError::Invalid {
                name: name("b"),
                id: bad.id()
            })
        );
        // To whom it is unknown, it is noise.
        assert!(note.verify(std::slice::from_ref(&good)).is_ok());
    }
    // A signature over another text is no signature.
    let note = SignedNote::new(TEXT, vec![sign("a", 1, "another text\n")]).unwrap();
    assert!(note.verify(&[good]).is_err());
}

// "If no signature from a known key verifies successfully, clients MUST reject the note."
#[test]
fn signed_note_without_a_known_signature_must_be_rejected() {
    let note = SignedNote::new(TEXT, vec![sign("a", 1, TEXT)]).unwrap();
    assert_eq!(note.verify(&[]), Err(NoteSignatureError::UnknownKeys));
    for stranger in [key("a", 2), key("b", 1)] {
        assert_eq!(
            note.verify(&[stranger]),
            Err(NoteSignatureError::UnknownKeys)
        );
    }
}

/// Types 04 and 06 are defined over checkpoints only.
#[test]
fn signed_note_plain_text_is_verified_with_type_01_only() {
    let note = SignedNote::new(TEXT, vec![sign("a", 1, TEXT)]).unwrap();
    let cosigner = VerifierKey::new(
        name("a"),
        PublicKey::Ed25519Cosignature(ed_secret(1).public()),
    );
    assert_eq!(
        note.verify(&[key("a", 1), cosigner]),
        Err(NoteSignatureError::Kind {
            kind: KeyKind::Ed25519Cosignature
        })
    );
}

// "key ID = SHA-256(key name || 0x0A || signature type || public key)[:4]", and: "The key name and ID MUST match those
// used in the signatures."
#[test]
fn vkey_with_another_id_than_name_and_key_give_is_refused() {
    let vkey = key("example.org/a", 1);
    let text = vkey.to_string();
    assert_eq!(text.parse(), Ok(vkey.clone()));
    let found = KeyId::from_bytes([0; 4]);
    let wrong = text.replacen(&vkey.id().to_string(), "00000000", 1);
    assert_eq!(
        wrong.parse::<VerifierKey>(),
        Err(VerifierKeyError::IdMismatch {
            found,
            computed: vkey.id()
        })
    );
    // The same ID and key under another name.
    let renamed = text.replacen("example.org/a", "example.org/b", 1);
    assert!(matches!(
        renamed.parse::<VerifierKey>(),
        Err(VerifierKeyError::IdMismatch { .. })
    ));
}

// "The same public key SHOULD NOT be reused for different signature types, but if it is, a different key ID MUST be used
// for each signature type."
#[test]
fn vkey_id_differs_by_signature_type() {
    let public = ed_secret(1).public();
    let log = VerifierKey::new(name("a"), PublicKey::Ed25519(public));
    let cosigner = VerifierKey::new(name("a"), PublicKey::Ed25519Cosignature(public));
    assert_ne!(log.id(), cosigner.id());
    assert_eq!(ed_log().verifier_key().kind(), KeyKind::Ed25519);
}

// "<key name>+hex(32-bit key ID)+base64(signature type || public key)".
#[test]
fn vkey_has_one_form() {
    let vkey = key("a", 1);
    let text = vkey.to_string();
    let (rest, key_part) = text.rsplit_once('+').unwrap();
    let id = vkey.id().to_string();
    let upper = format!("a+{}+{key_part}", id.to_uppercase());
    assert_ne!(upper, text, "the ID has letters");
    for (bad, error) in [
        (String::new(), VerifierKeyError::Form),
        ("a".to_owned(), VerifierKeyError::Form),
        (rest.to_owned(), VerifierKeyError::Form),
        (
            format!("+{id}+{key_part}"),
            VerifierKeyError::Name(NameError::Empty),
        ),
        (
            format!(" {text}"),
            VerifierKeyError::Name(NameError::WhiteSpace),
        ),
        (upper, VerifierKeyError::Id),
        (format!("a+{}+{key_part}", &id[1..]), VerifierKeyError::Id),
        (format!("a+0{id}+{key_part}"), VerifierKeyError::Id),
        (format!("a++{key_part}"), VerifierKeyError::Id),
        (format!("a+{id}+"), VerifierKeyError::Base64),
        (format!("{text}\n"), VerifierKeyError::Base64),
        (format!("{text} "), VerifierKeyError::Base64),
        (format!("{text}="), VerifierKeyError::Base64),
        ("x".repeat(5000) + "+00000000+AQ==", VerifierKeyError::Form),
    ] {
        assert_eq!(bad.parse::<VerifierKey>(), Err(error), "{bad:?}");
    }
}

#[test]
fn vkey_of_an_unsupported_type_or_wrong_length_is_refused() {
    let build =
        |bytes: &[u8]| format!("a+00000000+{}", base64::encode(bytes)).parse::<VerifierKey>();
    for byte in (0..=255).filter(|b| ![1, 4, 6].contains(b)) {
        let mut bytes = vec![byte];
        bytes.extend_from_slice(ed_secret(1).public().as_bytes());
        assert_eq!(build(&bytes), Err(VerifierKeyError::UnknownType { byte }));
    }
    for (kind, expected) in [
        (KeyKind::Ed25519, 32),
        (KeyKind::Ed25519Cosignature, 32),
        (KeyKind::MlDsa44, 1312),
    ] {
        for found in [0, expected - 1, expected + 1] {
            if found > 1312 {
                continue; // Longer than any vkey, so refused as such.
            }
            let mut bytes = vec![kind.type_byte()];
            bytes.resize(1 + found, 0x11);
            assert_eq!(
                build(&bytes),
                Err(VerifierKeyError::Length {
                    kind,
                    expected,
                    found
                })
            );
        }
        assert!(VerifierKey::from_bytes(name("a"), kind, &vec![0x11; expected + 1]).is_err());
    }
}

#[test]
fn vkey_of_an_ml_dsa_key_fits_the_limit_with_the_longest_name() {
    let longest = name(&"n".repeat(255));
    let vkey = VerifierKey::from_bytes(longest, KeyKind::MlDsa44, &[0xff; 1312]).unwrap();
    assert_eq!(vkey.to_string().parse(), Ok(vkey));
}
