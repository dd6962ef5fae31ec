//! The input of an append: a file or standard input, read on its own thread and sent on in whole lines.
//!
//! At most [`QUEUED`] pieces of about [`PIECE`] octets wait for the node; a slow node slows the reading. A
//! live input is sent on as its lines arrive. On an interrupt the stream ends after the last whole line that
//! was read, so that the node answers what is durable.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use indicatif::ProgressBar;
use quorate_receipt::json::canonical_object;
use tokio::sync::mpsc;

use crate::client::{Body, BoxError};
use crate::failure::Failure;

/// Octets asked of the file at once.
const PIECE: usize = 256 << 10;
/// Pieces read ahead of the node.
const QUEUED: usize = 4;
/// A line that is longer is not held back until its end: the node refuses it by its own, smaller limit.
const MAX_HELD: usize = 1 << 20;

/// What becomes of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Lines of JSON, sent octet for octet.
    Receipts,
    /// Lines of text for a raw scroll, sent octet for octet.
    Entries,
    /// Lines of text, each wrapped into a receipt `{"line":…,"type":"log_line"}`.
    Wrapped,
    /// One content. It is whole or it is not sent: cut short, it would be sealed as if it were whole.
    Sealed,
}

impl Form {
    /// The part of the scroll's API that takes it.
    pub(super) fn part(self) -> &'static str {
        match self {
            Self::Receipts | Self::Wrapped => "receipts",
            Self::Entries => "entries",
            Self::Sealed => "sealed",
        }
    }
}

/// An opened input.
pub(super) struct Input {
    source: Source,
    length: Option<u64>,
}

enum Source {
    Stdin,
    File(File, PathBuf),
}

/// How the reading went.
#[derive(Debug, Clone, Default)]
pub(super) struct Watch {
    failed: Arc<Mutex<Option<Failure>>>,
    interrupted: Arc<AtomicBool>,
    text: Arc<AtomicBool>,
}

impl Watch {
    /// The reading stopped before the end of the input.
    pub(super) fn read_error(&self) -> Option<Failure> {
        self.failed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The user stopped it.
    pub(super) fn interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }

    /// A line was sent that begins as no receipt does.
    pub(super) fn text(&self) -> bool {
        self.text.load(Ordering::Relaxed)
    }

    fn fail(&self, failure: Failure) {
        *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure);
    }
}

impl Input {
    /// Opens a file; none or `-` is standard input.
    pub(super) fn open(path: Option<&Path>) -> Result<Self, Failure> {
        let Some(path) = path.filter(|p| *p != Path::new("-")) else {
            return Ok(Self {
                source: Source::Stdin,
                length: None,
            });
        };
        let failed = |e: io::Error| Failure::file("read", path, &e);
        let file = File::open(path).map_err(failed)?;
        let meta = file.metadata().map_err(failed)?;
        if meta.is_dir() {
            return Err(failed(io::ErrorKind::IsADirectory.into()));
        }
        let length = meta.is_file().then_some(meta.len());
        Ok(Self {
            source: Source::File(file, path.to_path_buf()),
            length,
        })
    }

    /// What to call it in messages.
    pub(super) fn name(&self) -> String {
        match &self.source {
            Source::Stdin => "standard input".to_owned(),
            Source::File(_, path) => path.display().to_string(),
        }
    }

    /// Its length, where that is known.
    pub(super) fn length(&self) -> Option<u64> {
        self.length
    }

    /// Starts reading; the body ends with the input, or with an interrupt.
    pub(super) fn stream(self, form: Form, bar: ProgressBar) -> (Body, Watch) {
        let (pieces, received) = mpsc::channel(QUEUED);
        let watch = Watch::default();
        let name = self.name();
        let reader = watch.clone();
        tokio::task::spawn_blocking(move || {
            let read = match self.source {
                Source::Stdin => pump(&mut io::stdin().lock(), form, &bar, &pieces),
                Source::File(mut file, _) => pump(&mut file, form, &bar, &pieces),
            };
            if let Err(e) = read {
                reader.fail(Failure::file("read", Path::new(&name), &e));
                if form == Form::Sealed {
                    let _receiver_gone = pieces.blocking_send(Err(e));
                }
            }
        });
        let interrupt = Box::pin(tokio::signal::ctrl_c());
        let watching = watch.clone();
        let frames = futures_util::stream::unfold(Some((received, interrupt)), move |state| {
            let watching = watching.clone();
            async move {
                let (mut received, mut interrupt) = state?;
                tokio::select! {
                    biased;
                    Ok(()) = &mut interrupt => {
                        watching.interrupted.store(true, Ordering::Relaxed);
                        let cut = || io::Error::from(io::ErrorKind::Interrupted);
                        (form == Form::Sealed).then(|| (Err(BoxError::from(cut())), None))
                    }
                    piece = received.recv() => match piece? {
                        Ok(piece) => {
                            // Pieces begin with a line; an empty one is told as that.
                            if !piece.starts_with(b"{") && !piece.starts_with(b"\n") {
                                watching.text.store(true, Ordering::Relaxed);
                            }
                            Some((Ok(Frame::data(piece)), Some((received, interrupt))))
                        }
                        Err(e) => Some((Err(BoxError::from(e)), None)),
                    },
                }
            }
        });
        (StreamBody::new(frames).boxed_unsync(), watch)
    }
}

type Piece = io::Result<Bytes>;

/// Reads to the end, sending whole lines as they come. A receiver that went away ends it quietly.
fn pump(
    source: &mut dyn Read,
    form: Form,
    bar: &ProgressBar,
    pieces: &mpsc::Sender<Piece>,
) -> io::Result<()> {
    let mut held = Vec::new();
    let mut buffer = vec![0; PIECE];
    loop {
        let read = match source.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(e),
        };
        bar.inc(read as u64);
        let fresh = &buffer[..read];
        let whole = match fresh.iter().rposition(|b| *b == b'\n') {
            _ if form == Form::Sealed => read,
            Some(last) => last + 1,
            None if held.len() + read <= MAX_HELD => 0,
            None if form == Form::Wrapped => {
                let why = format!("a line is longer than {MAX_HELD} octets");
                return Err(io::Error::new(io::ErrorKind::InvalidData, why));
            }
            None => read,
        };
        held.extend_from_slice(&fresh[..whole]);
        if whole > 0
            && pieces
                .blocking_send(Ok(shape(form, std::mem::take(&mut held))))
                .is_err()
        {
            return Ok(());
        }
        held.extend_from_slice(&fresh[whole..]);
    }
    if !held.is_empty() {
        let _receiver_gone = pieces.blocking_send(Ok(shape(form, held)));
    }
    Ok(())
}

fn shape(form: Form, text: Vec<u8>) -> Bytes {
    if form != Form::Wrapped {
        return text.into();
    }
    let mut out = Vec::with_capacity(text.len() + text.len() / 2 + 64);
    for line in text
        .strip_suffix(b"\n")
        .unwrap_or(&text)
        .split(|b| *b == b'\n')
    {
        wrap(line, &mut out);
    }
    out.into()
}

fn wrap(line: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&canonical_object(&quorate_node::line_object(line)));
    out.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives its parts one read at a time.
    struct Parts(Vec<&'static [u8]>);

    impl Read for Parts {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.0.is_empty() {
                return Ok(0);
            }
            let part = self.0.remove(0);
            buffer[..part.len()].copy_from_slice(part);
            Ok(part.len())
        }
    }

    fn pieces(parts: Vec<&'static [u8]>, form: Form) -> Vec<Bytes> {
        let (send, mut receive) = mpsc::channel(64);
        pump(&mut Parts(parts), form, &ProgressBar::hidden(), &send).unwrap();
        drop(send);
        std::iter::from_fn(|| receive.blocking_recv())
            .map(Result::unwrap)
            .collect()
    }

    #[test]
    fn lines_are_sent_on_whole_and_as_they_arrive() {
        let sent = pieces(
            vec![b"one\ntw", b"o", b"\nthree\n", b"four"],
            Form::Receipts,
        );
        assert_eq!(sent, [&b"one\n"[..], b"two\nthree\n", b"four"]);
        assert!(pieces(vec![], Form::Receipts).is_empty());
    }

    #[test]
    fn a_line_without_an_end_is_not_held_without_bound() {
        let part: &'static [u8] = vec![b'x'; PIECE].leak();
        let sent = pieces(vec![part; 12], Form::Receipts);
        assert_eq!(sent.iter().map(Bytes::len).sum::<usize>(), 12 * PIECE);
        assert!(sent.iter().all(|piece| piece.len() <= MAX_HELD + PIECE));
    }

    #[test]
    fn any_text_is_wrapped_line_by_line() {
        let sent = pieces(vec![b"a \"b\"\n\n", b"c"], Form::Wrapped);
        let expected: [&[u8]; 2] = [
            b"{\"line\":\"a \\\"b\\\"\",\"type\":\"log_line\"}\n{\"line\":\"\",\"type\":\"log_line\"}\n",
            b"{\"line\":\"c\",\"type\":\"log_line\"}\n",
        ];
        assert_eq!(sent, expected);
        let sent = pieces(vec![b"\xff\n"], Form::Wrapped);
        assert_eq!(
            sent,
            [&b"{\"line_base64\":\"/w==\",\"type\":\"log_line\"}\n"[..]],
            "what is no text is kept all the same"
        );
    }
}
