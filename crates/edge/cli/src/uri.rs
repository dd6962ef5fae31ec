//! Paths and queries of the node's API, percent-encoded.

use std::fmt::Write as _;

/// A path under construction.
#[derive(Debug, Clone)]
pub(crate) struct Uri {
    text: String,
    query: bool,
}

impl Uri {
    /// `/a/b` from its parts.
    pub(crate) fn path(parts: &[&str]) -> Self {
        let mut text = String::new();
        for part in parts {
            text.push('/');
            encode(part, &mut text);
        }
        Self { text, query: false }
    }

    /// Adds `name=value`.
    #[must_use]
    pub(crate) fn query(mut self, name: &str, value: &str) -> Self {
        self.text.push(if self.query { '&' } else { '?' });
        self.query = true;
        encode(name, &mut self.text);
        self.text.push('=');
        encode(value, &mut self.text);
        self
    }

    /// Adds `name=value` if there is a value.
    #[must_use]
    pub(crate) fn query_some(self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.query(name, value),
            None => self,
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }
}

/// RFC 3986 unreserved characters stay, all others are encoded.
fn encode(part: &str, out: &mut String) {
    for byte in part.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_person_typed_cannot_leave_its_place_in_the_path() {
        let uri = Uri::path(&["scrolls", "a/../b?x", "proof"])
            .query("id", "ü &=")
            .query("n", "1");
        assert_eq!(
            uri.as_str(),
            "/scrolls/a%2F..%2Fb%3Fx/proof?id=%C3%BC%20%26%3D&n=1"
        );
    }
}
