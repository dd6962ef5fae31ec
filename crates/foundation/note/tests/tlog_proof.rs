//! One test for each MUST of tlog-proof (C2SP 5ba5ee8), named after it. The verification steps that need a leaf and a
//! policy are `quorate-verify`'s.

mod common;

use common::with_lines;
use quorate_merkle::{Hash, Proof, leaf_hash};
use quorate_note::{
    CheckpointError, MAX_EXTRA_LEN, MAX_TLOG_PROOF_LEN, NoteError, SignedCheckpointError,
    TlogProof, TlogProofError, base64,
};

const HASH: &str = "gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=";

fn note() -> String {
    with_lines(Vec::new()).to_string()
}

/// A proof with `head` before the empty line.
fn parse(head: &str) -> Result<TlogProof, TlogProofError> {
    TlogProof::parse(format!("{head}\n{}", note()).as_bytes())
}

fn hashes(n: usize) -> Vec<Hash> {
    (0..n).map(|i| leaf_hash(&i.to_be_bytes())).collect()
}

#[test]
fn tlog_proof_is_read_and_written_as_in_the_spec() {
    let text = format!(
        "c2sp.org/tlog-proof@v1\nextra YWJj\nindex 73894\n{HASH}\n{HASH}\n\n{}",
        note()
    );
    let proof = TlogProof::parse(text.as_bytes()).unwrap();
    assert_eq!(proof.extra.as_deref(), Some(&b"abc"[..]));
    assert_eq!(proof.index, 73_894);
    assert_eq!(proof.proof.hashes().len(), 2);
    assert_eq!(base64::encode(proof.proof.hashes()[0].as_bytes()), HASH);
    assert_eq!(proof.to_text(), text);
}

// "The first line MUST be the string `c2sp.org/tlog-proof@v1`."
#[test]
fn tlog_proof_first_line_must_be_the_version() {
    for first in [
        "c2sp.org/tlog-proof@v2",
        "c2sp.org/tlog-proof@v1 ",
        " c2sp.org/tlog-proof@v1",
        "c2sp.org/tlog-proof@v1\r",
        "C2SP.org/tlog-proof@v1",
        "https://c2sp.org/tlog-proof@v1",
        "",
        "index 0",
    ] {
        assert_eq!(
            parse(&format!("{first}\nindex 0\n")),
            Err(TlogProofError::Header),
            "{first:?}"
        );
    }
    assert_eq!(TlogProof::parse(b""), Err(TlogProofError::NoCheckpoint));
}

// "The second line MAY start with the string `extra` followed by a space (U+0020) and base64-encoded opaque extra data.
// If no extra data is present, this line is omitted."
#[test]
fn tlog_proof_extra_is_optional_and_in_canonical_base64() {
    let head = |extra: &str| format!("c2sp.org/tlog-proof@v1\n{extra}index 0\n");
    assert_eq!(parse(&head("")).unwrap().extra, None);
    assert_eq!(parse(&head("extra AA==\n")).unwrap().extra, Some(vec![0]));
    for extra in [
        "extra \n",
        "extra AA=\n",
        "extra AB==\n",
        "extra  AA==\n",
        "extra AA== \n",
    ] {
        assert_eq!(parse(&head(extra)), Err(TlogProofError::Extra), "{extra:?}");
    }
    for extra in [
        "extra\n",
        "extra\tAA==\n",
        "Extra AA==\n",
        "extra AA==\nextra AA==\n",
    ] {
        assert_eq!(parse(&head(extra)), Err(TlogProofError::Index), "{extra:?}");
    }
    // Nothing is written for empty data.
    let proof = TlogProof::new(Some(Vec::new()), 0, Proof::empty(), with_lines(Vec::new()));
    assert_eq!(proof.extra, None);
    assert!(!proof.to_text().contains("extra"));
}

#[test]
fn tlog_proof_extra_and_the_whole_have_limits() {
    let at = |len: usize| {
        let proof = TlogProof::new(
            Some(vec![7; len]),
            0,
            Proof::empty(),
            with_lines(Vec::new()),
        );
        TlogProof::parse(proof.to_text().as_bytes()).map(|read| assert_eq!(read, proof))
    };
    assert_eq!(at(MAX_EXTRA_LEN), Ok(()));
    assert_eq!(at(MAX_EXTRA_LEN + 1), Err(TlogProofError::Extra));
    let len = MAX_TLOG_PROOF_LEN + 1;
    assert_eq!(
        TlogProof::parse(&vec![b'x'; len]),
        Err(TlogProofError::TooLong { len })
    );
}

// "The next line MUST start with the string `index` followed by a space (U+0020) and the zero-based index …, represented
// as an ASCII decimal with no leading zeroes (unless the index is `0`)."
#[test]
fn tlog_proof_index_must_be_a_canonical_decimal() {
    let head = |index: &str| format!("c2sp.org/tlog-proof@v1\n{index}\n");
    for (index, value) in [
        ("index 0", 0),
        ("index 10", 10),
        ("index 18446744073709551615", u64::MAX),
    ] {
        assert_eq!(parse(&head(index)).unwrap().index, value);
    }
    for index in [
        "index",
        "index ",
        "index 00",
        "index 01",
        "index +1",
        "index -1",
        "index  1",
        "index 1 ",
        "index 18446744073709551616",
        "Index 1",
        "1",
        "index 1\r",
        HASH,
    ] {
        assert_eq!(parse(&head(index)), Err(TlogProofError::Index), "{index:?}");
    }
}

// "The next zero or more non-empty lines are the base64-encoded Merkle inclusion proof …, one SHA-256 hash per line".
#[test]
fn tlog_proof_hashes_must_be_canonical_base64_of_32_bytes() {
    let head = |line: &str| format!("c2sp.org/tlog-proof@v1\nindex 0\n{HASH}\n{line}\n");
    assert!(parse(&head(HASH)).is_ok());
    for line in [
        "gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlR=",
        "gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ",
        "gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPg==",
        &format!("{HASH} "),
        &format!("{HASH}\r"),
        "x",
    ] {
        assert_eq!(
            parse(&head(line)),
            Err(TlogProofError::Hash { index: 1 }),
            "{line:?}"
        );
    }
}

#[test]
fn tlog_proof_has_at_most_63_hashes() {
    let proof = Proof::try_from(hashes(63)).unwrap();
    let most = TlogProof::new(None, 5, proof, with_lines(Vec::new()));
    assert_eq!(
        TlogProof::parse(most.to_text().as_bytes()),
        Ok(most.clone())
    );
    let more = most
        .to_text()
        .replacen("index 5\n", &format!("index 5\n{HASH}\n"), 1);
    assert_eq!(
        TlogProof::parse(more.as_bytes()),
        Err(TlogProofError::TooManyHashes)
    );
}

// "After the inclusion proof lines and an empty line, the checkpoint issued by the log is included verbatim".
#[test]
fn tlog_proof_checkpoint_follows_an_empty_line_verbatim() {
    let head = "c2sp.org/tlog-proof@v1\nindex 0\n";
    let proof = parse(head).unwrap();
    assert_eq!(proof.checkpoint, with_lines(Vec::new()));
    assert_eq!(proof.checkpoint.to_bytes(), note().as_bytes());
    assert_eq!(
        TlogProof::parse(head.as_bytes()),
        Err(TlogProofError::NoCheckpoint)
    );
    // No empty line: the origin is read as a hash.
    assert_eq!(
        TlogProof::parse(format!("{head}{}", note()).as_bytes()),
        Err(TlogProofError::Hash { index: 0 })
    );
    // A second one: the checkpoint would begin with an empty origin.
    assert!(matches!(
        parse(&format!("{head}\n")),
        Err(TlogProofError::Checkpoint(
            SignedCheckpointError::Checkpoint(
                CheckpointError::Origin(_) | CheckpointError::ExtensionLine
            )
        ))
    ));
    assert!(matches!(
        TlogProof::parse(format!("{head}\n").as_bytes()),
        Err(TlogProofError::Checkpoint(SignedCheckpointError::Note(
            NoteError::NoBlankLine
        )))
    ));
    assert!(TlogProof::parse(format!("{head}\n{}\n", note()).as_bytes()).is_err());
}

#[test]
fn tlog_proof_with_crlf_line_ends_is_refused() {
    let text = format!("c2sp.org/tlog-proof@v1\nindex 0\n\n{}", note()).replace('\n', "\r\n");
    assert_eq!(
        TlogProof::parse(text.as_bytes()),
        Err(TlogProofError::Header)
    );
}

// "Applications MUST NOT implicitly trust the extra data, as it is not authenticated": changing it leaves everything
// that can be verified as it was.
#[test]
fn tlog_proof_extra_is_not_authenticated() {
    let head = |extra: &str| format!("c2sp.org/tlog-proof@v1\nextra {extra}\nindex 0\n");
    let (one, other) = (parse(&head("AA==")).unwrap(), parse(&head("AQ==")).unwrap());
    assert_ne!(one.extra, other.extra);
    assert_eq!(one.checkpoint, other.checkpoint);
    assert_eq!((one.index, one.proof), (other.index, other.proof));
}
