//! As much HTTP/1.1 as a load generator needs: requests are bytes made beforehand, answers are read from one
//! buffer. On two cores every cycle spent here is taken from the node that is measured.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use crate::failure::{Doing, Failure, Result};

/// The longest answer that is read: the report on a stream of 10 million receipts fits many times.
const MAX_ANSWER: usize = 64 << 20;

/// The head of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Head {
    status: u16,
    /// Where the body begins.
    length: usize,
    body: Framing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    Length(usize),
    Chunked,
}

/// An answer that has arrived whole.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The body, if the status is `expected`.
    pub(crate) fn expect(self, expected: u16, what: &str) -> Result<Vec<u8>> {
        if self.status == expected {
            Ok(self.body)
        } else {
            Err(self.into_failure(what))
        }
    }

    /// This answer as the reason to stop.
    pub(crate) fn into_failure(self, what: &str) -> Failure {
        let body = String::from_utf8_lossy(&self.body[..self.body.len().min(400)]).into_owned();
        Failure::Status {
            what: what.to_owned(),
            status: self.status,
            body,
        }
    }
}

/// Collects bytes until an answer is whole.
#[derive(Default)]
pub(crate) struct Reader {
    buffer: Vec<u8>,
    head: Option<Head>,
}

impl Reader {
    /// The buffer to read into.
    pub(crate) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// Takes the answer off the buffer if all of it is there.
    pub(crate) fn take(&mut self) -> Result<Option<Answer>> {
        let head = match self.head {
            Some(head) => head,
            None => match parse_head(&self.buffer)? {
                Some(head) => *self.head.insert(head),
                None => return Ok(None),
            },
        };
        let after = &self.buffer[head.length..];
        let (body, used) = match head.body {
            Framing::Length(length) if after.len() >= length => (after[..length].to_vec(), length),
            // The last chunk ends so; checked first, because decoding again at every read is quadratic.
            Framing::Chunked if after.ends_with(b"0\r\n\r\n") => match decode_chunks(after)? {
                Some(done) => done,
                None => return Ok(None),
            },
            _ if self.buffer.len() > MAX_ANSWER => {
                return Err(Failure::Broken(format!(
                    "an answer of more than {MAX_ANSWER} bytes"
                )));
            }
            _ => return Ok(None),
        };
        self.buffer.drain(..head.length + used);
        self.head = None;
        Ok(Some(Answer {
            status: head.status,
            body,
        }))
    }
}

fn parse_head(buffer: &[u8]) -> Result<Option<Head>> {
    let Some(end) = buffer.windows(4).position(|w| w == b"\r\n\r\n") else {
        return Ok(None);
    };
    let broken = |what: &str| Failure::Broken(format!("an answer with {what}"));
    let text =
        std::str::from_utf8(&buffer[..end]).map_err(|_| broken("a head that is not text"))?;
    let mut lines = text.split("\r\n");
    let status = lines
        .next()
        .and_then(|line| line.strip_prefix("HTTP/1.1 "))
        .and_then(|line| line.get(..3))
        .and_then(|digits| digits.parse().ok())
        .ok_or_else(|| broken("no status line"))?;
    let mut body = Framing::Length(0);
    for line in lines {
        let (name, value) = line
            .split_once(':')
            .ok_or_else(|| broken("a malformed header"))?;
        if name.eq_ignore_ascii_case("content-length") {
            body = Framing::Length(
                value
                    .trim()
                    .parse()
                    .map_err(|_| broken("a malformed length"))?,
            );
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            body = Framing::Chunked;
        }
    }
    Ok(Some(Head {
        status,
        length: end + 4,
        body,
    }))
}

/// The body and the number of bytes it took, or nothing if chunks are missing.
fn decode_chunks(mut rest: &[u8]) -> Result<Option<(Vec<u8>, usize)>> {
    let all = rest.len();
    let mut body = Vec::new();
    loop {
        let Some(line) = rest.windows(2).position(|w| w == b"\r\n") else {
            return Ok(None);
        };
        let length = std::str::from_utf8(&rest[..line])
            .ok()
            .and_then(|digits| usize::from_str_radix(digits, 16).ok())
            .ok_or_else(|| Failure::Broken("a malformed chunk".to_owned()))?;
        let Some(chunk) = rest.get(line + 2..line + 2 + length + 2) else {
            return Ok(None);
        };
        body.extend_from_slice(&chunk[..length]);
        rest = &rest[line + 2 + length + 2..];
        if length == 0 {
            return Ok(Some((body, all - rest.len())));
        }
    }
}

/// A request head and what it needs to be made: where and as whom.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    pub(crate) token: String,
}

impl Target {
    /// The bytes of a request head for a body of `length` bytes. Without a token none is claimed: unknown
    /// credentials are refused even where none are needed.
    pub(crate) fn head(&self, method: &str, path: &str, media: &str, length: u64) -> String {
        let credentials = match self.token.as_str() {
            "" => String::new(),
            token => format!("Authorization: Bearer {token}\r\n"),
        };
        format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\n{credentials}Content-Type: {media}\r\n\
             Content-Length: {length}\r\n\r\n",
            self.address
        )
    }

    /// One whole request with a body.
    pub(crate) fn request(&self, method: &str, path: &str, media: &str, body: &[u8]) -> Vec<u8> {
        let mut request = self
            .head(method, path, media, body.len() as u64)
            .into_bytes();
        request.extend_from_slice(body);
        request
    }

    /// A connection that blocks.
    pub(crate) fn connect(&self) -> Result<Connection> {
        let stream =
            TcpStream::connect(self.address).doing(format!("connect to {}", self.address))?;
        stream.set_nodelay(true).doing("set TCP_NODELAY")?;
        Ok(Connection {
            stream,
            reader: Reader::default(),
        })
    }

    /// One request on a connection of its own.
    pub(crate) fn call(
        &self,
        method: &str,
        path: &str,
        media: &str,
        body: &[u8],
    ) -> Result<Answer> {
        let mut connection = self.connect()?;
        connection.send(&self.request(method, path, media, body))?;
        connection.receive()
    }
}

/// A blocking keep-alive connection.
pub(crate) struct Connection {
    stream: TcpStream,
    reader: Reader,
}

impl Connection {
    /// Writes all of `bytes`.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> Result<()> {
        self.stream.write_all(bytes).doing("send a request")
    }

    /// Waits for the answer.
    pub(crate) fn receive(&mut self) -> Result<Answer> {
        let mut piece = [0_u8; 16 * 1024];
        loop {
            if let Some(answer) = self.reader.take()? {
                return Ok(answer);
            }
            let read = self.stream.read(&mut piece).doing("read an answer")?;
            if read == 0 {
                return Err(Failure::Broken(
                    "the connection closed before the answer".to_owned(),
                ));
            }
            self.reader.buffer().extend_from_slice(&piece[..read]);
        }
    }
}

/// The number behind `"key":` in a flat JSON answer. Enough for an answer whose status was checked, and
/// two hundred times cheaper than a tree of it.
pub(crate) fn number_member(body: &[u8], key: &str) -> Option<u64> {
    let needle = format!("\"{key}\":");
    let at = body
        .windows(needle.len())
        .position(|w| w == needle.as_bytes())?
        + needle.len();
    let digits = body[at..].iter().take_while(|b| b.is_ascii_digit()).count();
    std::str::from_utf8(&body[at..at + digits])
        .ok()?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Option<Answer> {
        let mut reader = Reader::default();
        reader.buffer().extend_from_slice(bytes);
        reader.take().unwrap()
    }

    #[test]
    fn an_answer_is_taken_only_when_whole() {
        let whole = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";
        for cut in 0..whole.len() {
            assert_eq!(read(&whole[..cut]), None);
        }
        assert_eq!(
            read(whole),
            Some(Answer {
                status: 200,
                body: b"hello".to_vec()
            })
        );
    }

    #[test]
    fn a_chunked_answer_is_put_together() {
        let whole = b"HTTP/1.1 400 Bad Request\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
        for cut in 0..whole.len() {
            assert_eq!(read(&whole[..cut]), None);
        }
        assert_eq!(
            read(whole),
            Some(Answer {
                status: 400,
                body: b"abcde".to_vec()
            })
        );
    }

    #[test]
    fn two_answers_in_one_read_are_two() {
        let mut reader = Reader::default();
        let one = b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n1";
        reader.buffer().extend_from_slice(one);
        reader.buffer().extend_from_slice(&one[..10]);
        assert!(reader.take().unwrap().is_some());
        assert!(reader.take().unwrap().is_none());
    }

    #[test]
    fn a_number_member_is_found() {
        assert_eq!(
            number_member(br#"{"index":42,"leaf_hash":"x"}"#, "index"),
            Some(42)
        );
        assert_eq!(number_member(br#"{"leaf_hash":"x"}"#, "index"), None);
    }
}
