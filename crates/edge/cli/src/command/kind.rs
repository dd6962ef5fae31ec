//! What a file is that was named in another's place. Only hints depend on it: what a file proves, its verifier says.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;

use quorate_policy::Policy;
use quorate_verify::anchor::{Anchor, MAX_ANCHOR_LEN};

/// As much as is looked at: all of a policy or a trust anchor, and the beginning of anything.
const MAX_HEAD: u64 = MAX_ANCHOR_LEN as u64;

/// What a file looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// It has no octet.
    Empty,
    /// gzip or Zstandard.
    Compressed,
    /// A `.tlog-proof`.
    Proof,
    /// A quorum policy.
    Policy,
    /// A trust anchor, or a JWK set.
    Anchor,
    /// Two stories of one session.
    ForkEvidence,
    /// A bundle, or a presentation or attestation of one, as far as one sees.
    Bundle,
    /// The same with a newline behind it, which no bundle has.
    BundleAndNewline,
    /// The same with white space between its words, which no bundle has.
    BundleReformatted,
    /// None of these.
    Other,
}

impl Kind {
    /// Of a whole file.
    pub(super) fn of(bytes: &[u8]) -> Self {
        Self::judged(bytes, bytes.last().copied())
    }

    /// Of a file that may be long. What is no regular file is not opened a second time.
    pub(super) fn of_file(path: &Path) -> Self {
        let look = || {
            if !std::fs::metadata(path)?.is_file() {
                return Ok(Self::Other);
            }
            let mut file = File::open(path)?;
            let mut head = Vec::new();
            (&mut file).take(MAX_HEAD).read_to_end(&mut head)?;
            let mut last = [0];
            if !head.is_empty() {
                file.seek(SeekFrom::End(-1))?;
                file.read_exact(&mut last)?;
            }
            Ok::<_, std::io::Error>(Self::judged(&head, Some(last[0])))
        };
        // It was readable a moment ago; if it is not any more, there is nothing to say of it.
        look().unwrap_or(Self::Other)
    }

    fn judged(head: &[u8], last: Option<u8>) -> Self {
        const BUNDLES: [&[u8]; 3] = [b"{\"checkpoint\":", b"{\"bundle\":", b"{\"payload\":"];
        if head.is_empty() {
            return Self::Empty;
        }
        if head.starts_with(&[0x1f, 0x8b]) || head.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
            return Self::Compressed;
        }
        if head.starts_with(b"c2sp.org/tlog-proof@v1") {
            return Self::Proof;
        }
        let (words, spaced) = unspaced(head);
        if words.starts_with(b"{\"evidence\":\"quorate/session-fork/") {
            return Self::ForkEvidence;
        }
        if BUNDLES.iter().any(|begin| words.starts_with(begin)) {
            return match (spaced, last) {
                (true, _) => Self::BundleReformatted,
                (false, Some(b'\n')) => Self::BundleAndNewline,
                (false, _) => Self::Bundle,
            };
        }
        let holds = |name: &[u8]| words.windows(name.len()).any(|part| part == name);
        if words.starts_with(b"{") && (holds(b"\"trust_jwks\":") || Anchor::parse(head).is_ok()) {
            return Self::Anchor;
        }
        match Policy::parse(head) {
            Ok(_) => Self::Policy,
            Err(_) => Self::Other,
        }
    }

    /// What to do where a bundle was asked for.
    pub(super) fn as_bundle(self) -> Option<&'static str> {
        Some(match self {
            Self::Empty => "it is empty: ask whoever it came from for it again",
            Self::Compressed => "it is compressed: unpack it first",
            Self::Proof => {
                "it is the proof of one entry of a log: 'quorate verify PROOF --entry FILE --policy FILE' verifies it"
            }
            Self::Policy => {
                "it is a quorum policy: name the bundle that 'quorate bundle export' wrote"
            }
            Self::Anchor => {
                "it is a trust anchor: name the bundle first, quorate bundle verify BUNDLE --trust-anchor ANCHOR"
            }
            Self::ForkEvidence => {
                "it is evidence against an actor: 'quorate bundle evidence FILE --trust-anchor ANCHOR' verifies it"
            }
            Self::BundleAndNewline => {
                "a newline stands behind it, as editors and shells put it there: a bundle is one exact text, so ask for it as it \
                 was exported"
            }
            Self::BundleReformatted => {
                "something wrote it anew, with white space between its words: a bundle is one exact text, so ask for it as it was \
                 exported"
            }
            Self::Bundle | Self::Other => return None,
        })
    }

    /// What to do where a trust anchor was asked for.
    pub(super) fn as_anchor(self) -> Option<&'static str> {
        Some(match self {
            Self::Empty => "it is empty: 'quorate trust-anchor new' writes a trust anchor",
            Self::Compressed => "it is compressed: unpack it first",
            Self::Policy => {
                "it is a quorum policy: 'quorate trust-anchor new --policy FILE' puts it into a trust anchor"
            }
            Self::Bundle | Self::BundleAndNewline | Self::BundleReformatted => {
                "it is a bundle: are two files in each other's places? quorate bundle verify BUNDLE --trust-anchor ANCHOR"
            }
            Self::Proof | Self::ForkEvidence | Self::Anchor | Self::Other => return None,
        })
    }
}

/// JSON without the white space between its words, and whether there was any before its end.
fn unspaced(text: &[u8]) -> (Vec<u8>, bool) {
    let text = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text);
    let (mut words, mut spaced) = (Vec::with_capacity(text.len()), false);
    let (mut quoted, mut escaped) = (false, false);
    for byte in text.trim_ascii_end() {
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' if !quoted => {
                spaced = true;
                continue;
            }
            b'"' if !escaped => quoted = !quoted,
            _ => {}
        }
        escaped = quoted && *byte == b'\\' && !escaped;
        words.push(*byte);
    }
    (words, spaced)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUNDLE: &str = r#"{"checkpoint":"a \" b\\","format":"quorate/bundle/v1"}"#;

    #[test]
    fn a_file_in_anothers_place_is_recognised() {
        let anchor = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
        let policy =
            "log 3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c\nquorum none\n";
        for (text, kind) in [
            ("", Kind::Empty),
            ("\u{1f}\u{8b}", Kind::Other),
            ("c2sp.org/tlog-proof@v1\nindex 0\n", Kind::Proof),
            (policy, Kind::Policy),
            (anchor, Kind::Anchor),
            ("{\n  \"trust_jwks\": 7\n}\n", Kind::Anchor),
            (
                r#"{"evidence":"quorate/session-fork/v1","first":"#,
                Kind::ForkEvidence,
            ),
            (BUNDLE, Kind::Bundle),
            (r#"{"bundle":{"#, Kind::Bundle),
            (r#"{"payload":"e30=","#, Kind::Bundle),
            ("{}", Kind::Other),
            ("text", Kind::Other),
        ] {
            assert_eq!(Kind::of(text.as_bytes()), kind, "{text}");
        }
        assert_eq!(Kind::of(&[0x1f, 0x8b, 8, 0]), Kind::Compressed);
        assert_eq!(Kind::of(&[0x28, 0xb5, 0x2f, 0xfd, 4]), Kind::Compressed);
    }

    #[test]
    fn white_space_counts_between_words_and_not_within_them() {
        let newline = format!("{BUNDLE}\n");
        assert_eq!(Kind::of(newline.as_bytes()), Kind::BundleAndNewline);
        for spaced in [
            BUNDLE.replace(":", ": "),
            BUNDLE.replace("{", "{\n  "),
            format!(" {BUNDLE}"),
            format!("\u{feff} {BUNDLE}\n"),
        ] {
            assert_eq!(
                Kind::of(spaced.as_bytes()),
                Kind::BundleReformatted,
                "{spaced}"
            );
        }
    }

    #[test]
    fn of_a_long_file_its_beginning_and_its_last_octet_are_looked_at() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("long");
        let filler = "x".repeat(usize::try_from(MAX_HEAD).unwrap());
        let long = format!("{{\"checkpoint\":\"{filler}\"}}");
        for (end, kind) in [("", Kind::Bundle), ("\n", Kind::BundleAndNewline)] {
            std::fs::write(&path, format!("{long}{end}")).unwrap();
            assert_eq!(Kind::of_file(&path), kind);
        }
        assert_eq!(Kind::of_file(dir.path()), Kind::Other);
        assert_eq!(Kind::of_file(Path::new("/dev/zero")), Kind::Other);
    }
}
