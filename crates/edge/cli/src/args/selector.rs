//! How a person names one entry: its index, a hash, or the receipt's id.

use std::str::FromStr;

/// One entry of a scroll.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Selector {
    /// Its position, from 0.
    Index(u64),
    /// `sha256:<hex>`, the leaf hash, or `blake3:<hex>`, the receipt's `root_hash`.
    Hash(String),
    /// The receipt's id.
    Id(String),
}

/// Words that name no entry.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SelectorError {
    /// Nothing at all.
    #[error("an index, a hash (sha256:… or blake3:…) or a receipt's id is needed")]
    Empty,
    /// A hash with the wrong digits.
    #[error("a hash has 64 lower-case hex digits after its prefix")]
    Hash,
    /// An index that no scroll can have.
    #[error(
        "an index is a decimal number without leading zeros, at most 2^62 - 1 ('id:…' names an id that looks like one)"
    )]
    Index,
}

impl FromStr for Selector {
    type Err = SelectorError;

    fn from_str(text: &str) -> Result<Self, SelectorError> {
        if let Some(id) = text.strip_prefix("id:") {
            return if id.is_empty() {
                Err(SelectorError::Empty)
            } else {
                Ok(Self::Id(id.to_owned()))
            };
        }
        if let Some(hex) = text
            .strip_prefix("sha256:")
            .or_else(|| text.strip_prefix("blake3:"))
        {
            return if is_hex_hash(hex) {
                Ok(Self::Hash(text.to_owned()))
            } else {
                Err(SelectorError::Hash)
            };
        }
        if text.is_empty() {
            return Err(SelectorError::Empty);
        }
        if is_hex_hash(text) {
            return Ok(Self::Hash(format!("sha256:{text}")));
        }
        if text.bytes().all(|b| b.is_ascii_digit()) {
            if text.len() > 1 && text.starts_with('0') {
                return Err(SelectorError::Index);
            }
            return match text.parse::<u64>() {
                Ok(index) if index < 1 << 62 => Ok(Self::Index(index)),
                _ => Err(SelectorError::Index),
            };
        }
        Ok(Self::Id(text.to_owned()))
    }
}

fn is_hex_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_named_by_index_hash_or_id() {
        let hex = "0f".repeat(32);
        let parse = |s: &str| s.parse::<Selector>();
        assert_eq!(parse("0"), Ok(Selector::Index(0)));
        assert_eq!(parse("42"), Ok(Selector::Index(42)));
        assert_eq!(parse(&hex), Ok(Selector::Hash(format!("sha256:{hex}"))));
        assert_eq!(
            parse(&format!("blake3:{hex}")),
            Ok(Selector::Hash(format!("blake3:{hex}")))
        );
        assert_eq!(parse("msn_7"), Ok(Selector::Id("msn_7".into())));
        assert_eq!(parse("id:42"), Ok(Selector::Id("42".into())));
    }

    #[test]
    fn what_cannot_name_an_entry_is_refused() {
        let parse = |s: &str| s.parse::<Selector>();
        assert_eq!(parse(""), Err(SelectorError::Empty));
        assert_eq!(parse("id:"), Err(SelectorError::Empty));
        assert_eq!(parse("042"), Err(SelectorError::Index));
        assert_eq!(parse("4611686018427387904"), Err(SelectorError::Index));
        assert_eq!(parse("99999999999999999999"), Err(SelectorError::Index));
        assert_eq!(parse("sha256:ab"), Err(SelectorError::Hash));
        assert_eq!(
            parse(&format!("blake3:{}", "0F".repeat(32))),
            Err(SelectorError::Hash)
        );
    }
}
