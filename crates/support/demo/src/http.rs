//! One HTTP request on a connection of its own.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use crate::failure::{Failure, Result, doing};

/// Longer than a node lets a caller wait for a quorum.
const PATIENCE: Duration = Duration::from_secs(120);

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

/// Sends a request to `address`, with these lines in its head.
pub(crate) fn call(
    address: &str,
    method: &str,
    path: &str,
    head: &str,
    body: &[u8],
) -> Result<Answer> {
    let what = format!("{method} http://{address}{path}");
    let exchange = || {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: {length}\r\n{head}\r\n"
        );
        stream.write_all(request.as_bytes())?;
        stream.write_all(body)?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(answer)
    };
    let answer = doing(what.clone(), exchange())?;
    parse(&String::from_utf8_lossy(&answer)).ok_or_else(|| Failure::Answer {
        from: what,
        said: String::from_utf8_lossy(&answer).into_owned(),
    })
}

fn parse(answer: &str) -> Option<Answer> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some(Answer {
        status: head.get(9..12)?.parse().ok()?,
        body: body.to_owned(),
    })
}
