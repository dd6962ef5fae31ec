//! Words that become values, with errors that say what to type instead.

use std::net::SocketAddr;

use quorate_receipt::{Blake3Hash, Timestamp};

/// An address to listen on.
pub(super) fn address(text: &str) -> Result<SocketAddr, &'static str> {
    text.parse().map_err(
        |_| "an IP address and a port are needed, such as 127.0.0.1:8484 or [::1]:8484, not a name",
    )
}

/// RFC 3339.
pub(super) fn time(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text.as_bytes()).map_err(|e| e.to_string())
}

/// A session's id.
pub(super) fn session(text: &str) -> Result<Blake3Hash, String> {
    text.parse().map_err(|_| {
        let whole =
            "a session's id is 'blake3:' and 64 hexadecimal digits, as 'quorate session list' shows it";
        match text.strip_prefix(Blake3Hash::PREFIX) {
            Some(digits) if digits.chars().count() != 64 => {
                format!("{whole}; this one has {}", digits.chars().count())
            }
            _ => whole.to_owned(),
        }
    })
}

/// `NAME=VALUE`.
pub(super) fn attribute(text: &str) -> Result<(String, String), &'static str> {
    let parts = text.split_once('=').filter(|(name, _)| !name.is_empty());
    let (name, value) = parts.ok_or("expected NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_no_name_and_says_so() {
        assert!(address("127.0.0.1:0").is_ok() && address("[::1]:8484").is_ok());
        for bad in ["localhost:8484", "127.0.0.1", "8484", ":8484", ""] {
            assert!(
                address(bad).unwrap_err().contains("127.0.0.1:8484"),
                "{bad}"
            );
        }
    }

    #[test]
    fn a_short_id_is_told_how_many_digits_it_has() {
        let whole = format!("blake3:{}", "0a".repeat(32));
        assert!(session(&whole).is_ok());
        assert!(
            session("blake3:d805bdf8")
                .unwrap_err()
                .ends_with("this one has 8")
        );
        assert!(session("blake3:ä").unwrap_err().ends_with("this one has 1"));
        for bad in [
            "d805bdf8".to_owned(),
            whole.to_uppercase(),
            whole.replace('a', "g"),
        ] {
            assert!(session(&bad).unwrap_err().ends_with("shows it"), "{bad}");
        }
    }
}
