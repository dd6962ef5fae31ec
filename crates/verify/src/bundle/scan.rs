//! Reading a bundle piece by piece: what has been judged is not kept.

use std::convert::Infallible;

use memchr::{memchr, memchr2};

/// Where a bundle comes from.
pub trait Source {
    /// Why it could not be read further.
    type Error;

    /// Appends what comes next, at least a byte; false at the end.
    ///
    /// # Errors
    /// Its own; nothing was appended.
    fn more(&mut self, buffer: &mut Vec<u8>) -> Result<bool, Self::Error>;
}

impl Source for &[u8] {
    type Error = Infallible;

    fn more(&mut self, buffer: &mut Vec<u8>) -> Result<bool, Infallible> {
        let (now, later) = self.split_at(self.len().min(64 * 1024));
        buffer.extend_from_slice(now);
        *self = later;
        Ok(!now.is_empty())
    }
}

/// What is wrong with the text, at a byte offset from the beginning of the file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ScanError {
    /// Something else must stand here.
    #[error("byte {offset}: expected `{expected}`")]
    Expected {
        /// Where.
        offset: u64,
        /// What must stand here.
        expected: &'static str,
    },
    /// The text ends too early.
    #[error("it ends at byte {offset}, in the middle")]
    Truncated {
        /// Where.
        offset: u64,
    },
    /// A value is longer than it may be.
    #[error("byte {offset}: the value is longer than {limit} bytes")]
    TooLong {
        /// Where it begins.
        offset: u64,
        /// How long it may be.
        limit: usize,
    },
    /// Something follows the end.
    #[error("byte {offset}: nothing may follow")]
    Trailing {
        /// Where.
        offset: u64,
    },
}

/// Either the source failed, or the text is wrong.
pub(super) enum Failed<E> {
    Source(E),
    Text(ScanError),
}

pub(super) struct Scanner<S> {
    source: S,
    buffer: Vec<u8>,
    /// What stands before it was judged.
    at: usize,
    /// Of `at`, in the file.
    offset: u64,
    ended: bool,
    hasher: Option<blake3::Hasher>,
}

impl<S: Source> Scanner<S> {
    pub(super) fn new(source: S) -> Self {
        Self {
            source,
            buffer: Vec::new(),
            at: 0,
            offset: 0,
            ended: false,
            hasher: None,
        }
    }

    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// From here on, what is consumed is hashed.
    pub(super) fn start_hash(&mut self) {
        self.hasher = Some(blake3::Hasher::new());
    }

    pub(super) fn take_hash(&mut self) -> Option<[u8; 32]> {
        self.hasher
            .take()
            .map(|hasher| *hasher.finalize().as_bytes())
    }

    /// Makes `count` bytes visible, or as many as there are.
    fn fill(&mut self, count: usize) -> Result<&[u8], Failed<S::Error>> {
        while self.buffer.len() - self.at < count && !self.ended {
            if self.at > 0 {
                self.buffer.drain(..self.at);
                self.at = 0;
            }
            self.ended = !self.source.more(&mut self.buffer).map_err(Failed::Source)?;
        }
        Ok(&self.buffer[self.at..])
    }

    fn consume(&mut self, count: usize) {
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&self.buffer[self.at..self.at + count]);
        }
        self.at += count;
        self.offset += count as u64;
    }

    /// Takes exactly this text.
    pub(super) fn expect(&mut self, expected: &'static str) -> Result<(), Failed<S::Error>> {
        let offset = self.offset;
        let found = self.fill(expected.len())?;
        if found.starts_with(expected.as_bytes()) {
            self.consume(expected.len());
            return Ok(());
        }
        Err(Failed::Text(
            if found.len() < expected.len() && expected.as_bytes().starts_with(found) {
                ScanError::Truncated {
                    offset: offset + found.len() as u64,
                }
            } else {
                ScanError::Expected { offset, expected }
            },
        ))
    }

    /// Takes this text if it is there.
    pub(super) fn accept(&mut self, text: &'static str) -> Result<bool, Failed<S::Error>> {
        let is_there = self.fill(text.len())?.starts_with(text.as_bytes());
        if is_there {
            self.consume(text.len());
        }
        Ok(is_there)
    }

    /// Takes the bytes of one JSON value, at most `limit` of them. Only where it ends is looked for: whether it is JSON is
    /// for whoever reads it.
    pub(super) fn value(&mut self, limit: usize) -> Result<Vec<u8>, Failed<S::Error>> {
        let mut end = End::default();
        self.take(limit, |bytes| end.find(bytes))
    }

    /// Takes a string between quotation marks, at most `limit` bytes; what stands between them, as it stands there.
    pub(super) fn string(&mut self, limit: usize) -> Result<Vec<u8>, Failed<S::Error>> {
        self.expect("\"")?;
        let text = self.take(limit, |bytes| memchr(b'"', bytes))?;
        self.expect("\"")?;
        Ok(text)
    }

    /// Takes what stands before the place that `find` finds, at most `limit` bytes. It is shown every byte once.
    fn take(
        &mut self,
        limit: usize,
        mut find: impl FnMut(&[u8]) -> Option<usize>,
    ) -> Result<Vec<u8>, Failed<S::Error>> {
        let offset = self.offset;
        let mut seen = 0;
        let length = loop {
            let bytes = self.fill(seen + 1)?;
            if bytes.len() <= seen {
                let offset = offset + seen as u64;
                return Err(Failed::Text(ScanError::Truncated { offset }));
            }
            if let Some(length) = find(&bytes[seen..]) {
                break seen + length;
            }
            seen = bytes.len();
            if seen > limit {
                break seen;
            }
        };
        if length > limit {
            return Err(Failed::Text(ScanError::TooLong { offset, limit }));
        }
        let taken = self.buffer[self.at..self.at + length].to_vec();
        self.consume(length);
        Ok(taken)
    }

    /// Nothing follows.
    pub(super) fn end(&mut self) -> Result<(), Failed<S::Error>> {
        let offset = self.offset;
        if self.fill(1)?.is_empty() {
            return Ok(());
        }
        Err(Failed::Text(ScanError::Trailing { offset }))
    }
}

/// Finds the end of a value: the bracket or quote that closes the outermost one, or for a number or word the first byte that
/// belongs to what is around it.
#[derive(Default)]
struct End {
    depth: usize,
    in_string: bool,
    escaped: bool,
}

impl End {
    /// How many of these bytes still belong to the value, if it ends among them.
    fn find(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        while let Some(byte) = bytes.get(at) {
            if self.escaped {
                self.escaped = false;
                at += 1;
                continue;
            }
            if self.in_string {
                let found = memchr2(b'"', b'\\', &bytes[at..])?;
                at += found + 1;
                self.escaped = bytes[at - 1] == b'\\';
                self.in_string = self.escaped;
                if !self.in_string && self.depth == 0 {
                    return Some(at);
                }
                continue;
            }
            match byte {
                b'"' => self.in_string = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' | b',' if self.depth == 0 => return Some(at),
                b'}' | b']' => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        return Some(at + 1);
                    }
                }
                _ => {}
            }
            at += 1;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A byte at a time.
    struct Drops<'a>(&'a [u8]);

    impl Source for Drops<'_> {
        type Error = &'static str;

        fn more(&mut self, buffer: &mut Vec<u8>) -> Result<bool, Self::Error> {
            match self.0.split_first() {
                Some((b'!', _)) => Err("gone"),
                Some((first, rest)) => {
                    buffer.push(*first);
                    self.0 = rest;
                    Ok(true)
                }
                None => Ok(false),
            }
        }
    }

    fn text<T>(result: Result<T, Failed<&'static str>>) -> Result<T, ScanError> {
        result.map_err(|failed| match failed {
            Failed::Text(error) => error,
            Failed::Source(error) => panic!("{error}"),
        })
    }

    #[test]
    fn values_end_where_they_end_however_the_bytes_arrive() {
        let values = [
            r#""a\"}\\""#,
            r#"{"a":["]",{"b":1}]}"#,
            "[]",
            "17",
            "true",
            r#"[[1,2],"\\"]"#,
        ];
        for value in values {
            let whole = format!("{value},\"next\"");
            let mut drops = Scanner::new(Drops(whole.as_bytes()));
            assert_eq!(text(drops.value(64)).unwrap(), value.as_bytes());
            assert_eq!(drops.offset(), value.len() as u64);
            text(drops.expect(",\"next\"")).unwrap();
            text(drops.end()).unwrap();
            let mut short = Scanner::new(Drops(whole.as_bytes()));
            let limit = value.len() - 1;
            let too_long = ScanError::TooLong { offset: 0, limit };
            assert_eq!(text(short.value(limit)), Err(too_long), "{value}");
        }
    }

    #[test]
    fn what_ends_early_and_what_follows_is_told_apart() {
        let mut scanner = Scanner::new(Drops(b"{\"a\":["));
        text(scanner.expect("{\"a\":")).unwrap();
        assert_eq!(
            text(scanner.value(9)),
            Err(ScanError::Truncated { offset: 6 })
        );
        let mut scanner = Scanner::new(Drops(b"{\"b"));
        let expected = "{\"a\":";
        assert_eq!(
            text(scanner.expect(expected)),
            Err(ScanError::Expected {
                offset: 0,
                expected
            })
        );
        let mut scanner = Scanner::new(Drops(b"{\""));
        assert_eq!(
            text(scanner.expect(expected)),
            Err(ScanError::Truncated { offset: 2 })
        );
        let mut scanner = Scanner::new(Drops(b"[]\n"));
        text(scanner.value(9)).unwrap();
        assert_eq!(text(scanner.end()), Err(ScanError::Trailing { offset: 2 }));
        let mut scanner = Scanner::new(Drops(b"[1!"));
        assert!(matches!(scanner.value(9), Err(Failed::Source("gone"))));
    }

    #[test]
    fn what_is_consumed_after_the_start_is_hashed() {
        let mut scanner = Scanner::new(Drops(b"{\"a\":[1,2],\"b\":3}"));
        text(scanner.expect("{\"a\":")).unwrap();
        scanner.start_hash();
        text(scanner.value(9)).unwrap();
        assert_eq!(
            scanner.take_hash(),
            Some(*blake3::hash(b"[1,2]").as_bytes())
        );
    }
}
