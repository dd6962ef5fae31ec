//! Receipts of exactly 300 bytes as stored, line feed included.

use quorate_receipt::{Receipt, Timestamp};

use crate::failure::{Failure, Result};

/// Bytes of one stored line, line feed included.
pub(crate) const STORED: usize = 300;

/// Digits of the counter that makes each receipt different.
const DIGITS: usize = 12;

/// A receipt as a program would submit it: members in no canonical order, no `root_hash`. The node sorts it,
/// hashes it and stores 300 bytes.
#[derive(Clone)]
pub(crate) struct Template {
    bytes: Vec<u8>,
    counter: usize,
}

impl Template {
    /// A template whose receipts say `run`, so that two runs write different ones.
    pub(crate) fn new(run: &str) -> Result<Self> {
        let with = |filler: &str| {
            format!(
                "{{\"type\":\"load_test\",\"timestamp\":\"2026-11-20T12:00:00.000000Z\",\"actor\":\"did:vm:agent:load\",\
                 \"tags\":[\"load\",\"{run}\"],\"text\":\"{:0DIGITS$} {filler}\"}}",
                0
            )
        };
        let now = "2026-11-20T12:00:00Z"
            .parse::<Timestamp>()
            .map_err(|e| Failure::Missing(format!("no timestamp: {e}")))?;
        let stored = |submitted: &str| {
            Receipt::accept(submitted.as_bytes(), now)
                .map(|receipt| receipt.bytes().len() + 1)
                .map_err(|e| Failure::Missing(format!("the template is no receipt: {e}")))
        };
        let room = STORED.checked_sub(stored(&with(""))?);
        let room = room.ok_or_else(|| Failure::Missing(format!("run name too long: {run}")))?;
        let text = with(&"x".repeat(room));
        if stored(&text)? != STORED {
            return Err(Failure::Missing(
                "the template does not fill 300 bytes".to_owned(),
            ));
        }
        let counter = text.find(&"0".repeat(DIGITS)).unwrap_or(0);
        Ok(Self {
            bytes: text.into_bytes(),
            counter,
        })
    }

    /// The length of one submitted receipt, without a line feed.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Appends receipt `n` to `out`, without a line feed.
    pub(crate) fn write(&self, n: u64, out: &mut Vec<u8>) {
        let start = out.len() + self.counter;
        out.extend_from_slice(&self.bytes);
        let mut rest = n;
        for digit in out[start..start + DIGITS].iter_mut().rev() {
            *digit = b'0' + u8::try_from(rest % 10).unwrap_or(0);
            rest /= 10;
        }
    }

    /// Receipt `n` by itself.
    pub(crate) fn receipt(&self, n: u64) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.len());
        self.write(n, &mut out);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_receipt_is_300_bytes_with_its_line_feed() {
        let template = Template::new("test").unwrap();
        let now = "2026-11-20T12:00:00Z".parse().unwrap();
        for n in [0, 7, 123_456_789_012] {
            let stored = Receipt::accept(&template.receipt(n), now).unwrap();
            assert_eq!(stored.bytes().len() + 1, STORED);
            assert!(stored.text().contains(&format!("\"{n:012} x")));
            assert!(
                stored
                    .text()
                    .contains("\"timestamp\":\"2026-11-20T12:00:00.000000Z\"")
            );
        }
    }
}
