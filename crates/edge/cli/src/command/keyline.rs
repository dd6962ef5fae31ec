//! Keys as people see them.

use quorate_note::VerifierKey;

/// A verifier key for people: its name with its id, and its kind with the beginning and the end of the key. One
/// of ML-DSA-44 has 1,757 characters.
pub(super) fn key_lines(key: &str) -> (String, String) {
    let Ok(parsed) = key.parse::<VerifierKey>() else {
        return (key.to_owned(), String::new());
    };
    // Base64 has '+' among its digits, a name and an id have not.
    let text = key.splitn(3, '+').nth(2).unwrap_or_default();
    let ends = text
        .len()
        .checked_sub(8)
        .and_then(|from| Some((text.get(..8)?, text.get(from..)?)));
    let short = ends.map_or_else(|| text.to_owned(), |(begin, end)| format!("{begin}…{end}"));
    (
        format!("{}+{}", parsed.name(), parsed.id()),
        format!("{} {short}", parsed.kind()),
    )
}

#[cfg(test)]
mod tests {
    use quorate_note::{KeyKind, KeyName};

    use super::*;

    #[test]
    fn a_key_is_shown_by_name_id_and_the_ends_of_its_base64() {
        let mut with_plus = 0;
        for byte in 0..=255 {
            let name = KeyName::new("example.org/A").unwrap();
            let Ok(key) = VerifierKey::from_bytes(name, KeyKind::Ed25519, &[byte; 32]) else {
                continue;
            };
            let (text, id) = (key.to_string(), key.id());
            let base64 = text.strip_prefix(&format!("example.org/A+{id}+")).unwrap();
            with_plus += usize::from(base64.contains('+'));
            let (named, short) = key_lines(&text);
            assert_eq!(named, format!("example.org/A+{id}"));
            let (begin, end) = (&base64[..8], &base64[base64.len() - 8..]);
            assert_eq!(short, format!("Ed25519 {begin}…{end}"));
        }
        assert!(with_plus > 0, "no key had a plus in its base64");
        assert_eq!(key_lines("no key").0, "no key");
    }
}
