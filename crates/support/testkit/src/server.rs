//! A web server that answers what a test tells it to.
#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "test helper: a server that cannot listen stops the test"
)]

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use crate::site::Files;

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// Lines of the head, without what ends them.
    pub headers: Vec<String>,
    /// The body.
    pub body: Vec<u8>,
    /// Whether the connection ends before the body does.
    pub cut: bool,
}

impl Reply {
    /// A body.
    #[must_use]
    pub fn ok(body: Vec<u8>) -> Self {
        Self::status(200, body)
    }

    /// Another status.
    #[must_use]
    pub fn status(status: u16, body: Vec<u8>) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body,
            cut: false,
        }
    }

    /// With a line in its head.
    #[must_use]
    pub fn header(mut self, line: &str) -> Self {
        self.headers.push(line.to_owned());
        self
    }
}

type Script = Box<dyn FnMut(&str) -> Reply + Send>;

/// A server, until it is dropped.
pub struct Server {
    address: SocketAddr,
    script: Arc<Mutex<Script>>,
    stopped: Arc<AtomicBool>,
}

impl Server {
    /// Answers each path, without its first slash, as the script says.
    #[must_use]
    pub fn start(script: impl FnMut(&str) -> Reply + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Self {
            address: listener.local_addr().unwrap(),
            script: Arc::new(Mutex::new(Box::new(script))),
            stopped: Arc::default(),
        };
        let (script, stopped) = (Arc::clone(&server.script), Arc::clone(&server.stopped));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                let script = Arc::clone(&script);
                // A client that goes away is not this server's concern.
                std::thread::spawn(move || answer(stream, &script));
            }
        });
        server
    }

    /// Serves files.
    #[must_use]
    pub fn of(files: Files) -> Self {
        Self::start(serving(files))
    }

    /// Answers otherwise from now on.
    pub fn now(&self, script: impl FnMut(&str) -> Reply + Send + 'static) {
        *self.script.lock().unwrap() = Box::new(script);
    }

    /// Serves other files from now on.
    pub fn now_of(&self, files: Files) {
        self.now(serving(files));
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        let _woken = TcpStream::connect(self.address);
    }
}

/// A script that serves files.
pub fn serving(files: Files) -> impl FnMut(&str) -> Reply + Send + 'static {
    move |path| match files.get(path) {
        Some(octets) => Reply::ok(octets.clone()),
        None => Reply::status(404, Vec::new()),
    }
}

fn answer(stream: TcpStream, script: &Mutex<Script>) -> Option<()> {
    let mut lines = BufReader::new(&stream).lines();
    loop {
        let first = lines.next()?.ok()?;
        while !lines.next()?.ok()?.is_empty() {}
        let path = first.split(' ').nth(1)?.trim_start_matches('/').to_owned();
        let reply = (script.lock().ok()?)(&path);
        let mut head = format!(
            "HTTP/1.1 {} x\r\ncontent-length: {}\r\n",
            reply.status,
            reply.body.len() + usize::from(reply.cut)
        );
        for line in &reply.headers {
            head.push_str(line);
            head.push_str("\r\n");
        }
        head.push_str("\r\n");
        let octets = [head.as_bytes(), &reply.body].concat();
        (&stream).write_all(&octets).ok()?;
        if reply.cut {
            return None;
        }
    }
}
