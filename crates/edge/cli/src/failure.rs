//! Errors in three parts: what failed, why, and what to do.

use std::error::Error;
use std::fmt::Write as _;
use std::io;
use std::path::Path;

use serde_json::{Value, json};

use crate::exit::Exit;
use crate::text::{Paint, printable};

/// Why a command did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    exit: Exit,
    code: String,
    what: String,
    why: String,
    hint: String,
}

/// How a command ends early.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Nobody reads our output any more. Not an error.
    BrokenPipe,
    /// Something failed.
    Failed(Box<Failure>),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(Box::new(failure))
    }
}

impl Failure {
    /// The request was understood and refused, or a check did not hold.
    pub(crate) fn refused(code: &str, what: impl Into<String>, why: impl Into<String>) -> Self {
        Self::new(Exit::Refused, code, what, why)
    }

    /// The words do not make a command.
    pub(crate) fn usage(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self::new(Exit::Usage, "usage", what, why)
    }

    /// The disk, the network or the node failed.
    pub(crate) fn environment(code: &str, what: impl Into<String>, why: impl Into<String>) -> Self {
        Self::new(Exit::Environment, code, what, why)
    }

    /// A file could not be used.
    pub(crate) fn file(verb: &str, path: &Path, error: &io::Error) -> Self {
        let hint = match error.kind() {
            io::ErrorKind::NotFound => "check the path",
            io::ErrorKind::PermissionDenied => "check who owns it and its permissions",
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                "make room on the disk and try again"
            }
            io::ErrorKind::AlreadyExists => "name a file that does not exist yet",
            io::ErrorKind::IsADirectory => "name a file, not a directory",
            _ => "check the file and the disk it is on",
        };
        Self::environment(
            "file",
            format!("cannot {verb} {}", path.display()),
            reason(error),
        )
        .hint(hint)
    }

    pub(crate) fn new(
        exit: Exit,
        code: &str,
        what: impl Into<String>,
        why: impl Into<String>,
    ) -> Self {
        Self {
            exit,
            code: code.to_owned(),
            what: what.into(),
            why: why.into(),
            hint: String::new(),
        }
    }

    /// Says what to do.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    /// Says the reason in other words.
    #[must_use]
    pub(crate) fn because(mut self, why: impl Into<String>) -> Self {
        self.why = why.into();
        self
    }

    /// Says one more thing to do.
    #[must_use]
    pub(crate) fn and_hint(mut self, hint: &str) -> Self {
        if !self.hint.is_empty() && !hint.is_empty() {
            self.hint.push('\n');
        }
        self.hint.push_str(hint);
        self
    }

    /// Puts a question before what there is to do.
    #[must_use]
    pub(crate) fn ask(mut self, question: &str) -> Self {
        self.hint = if self.hint.is_empty() {
            question.to_owned()
        } else {
            format!("{question}\n{}", self.hint)
        };
        self
    }

    /// Whether this is the failure of that code.
    pub(crate) fn is(&self, code: &str) -> bool {
        self.code == code
    }

    /// What failed and why, as one sentence without its end.
    pub(crate) fn said(&self) -> String {
        format!("{}: {}", self.what, self.why)
    }

    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }

    /// For people. What came from outside cannot move the cursor or recolour the terminal.
    pub(crate) fn human(&self, paint: Paint) -> String {
        let mut text = String::new();
        let what = paint.fit(&printable(&self.what), 7);
        for (i, line) in what.iter().enumerate() {
            let label = if i == 0 { "error:" } else { "" };
            let _ = writeln!(text, "{} {line}", paint.error(&format!("{label:6}")));
        }
        for (label, part) in [("why:", &self.why), ("hint:", &self.hint)] {
            let lines = part.lines().map(printable);
            let lines = lines.flat_map(|line| paint.fit(&line, 8));
            for (i, line) in lines.enumerate() {
                let label = if i == 0 { label } else { "" };
                let _ = writeln!(text, "  {} {line}", paint.dim(&format!("{label:5}")));
            }
        }
        text
    }

    /// For programs.
    pub(crate) fn json(&self) -> Value {
        json!({"error": {"code": self.code, "what": self.what, "why": self.why, "hint": self.hint}})
    }
}

/// An error and its causes in one line; causes that the error already tells are not told twice.
pub(crate) fn reason(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(c) = cause {
        let said = c.to_string();
        if !text.contains(&said) {
            let _ = write!(text, ": {said}");
        }
        cause = c.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_what_why_and_what_to_do() {
        let failure = Failure::refused("x", "cannot do it", "because").hint("do that\nor this");
        let text = "error: cannot do it\n  why:  because\n  hint: do that\n        or this\n";
        assert_eq!(failure.human(Paint::OFF), text);
        assert_eq!(failure.json()["error"]["why"], "because");
    }

    #[test]
    fn text_from_outside_cannot_drive_the_terminal() {
        let failure = Failure::refused("x", "a\u{1b}[2Jb", "c\u{9b}d");
        assert!(!failure.human(Paint::OFF).contains(['\u{1b}', '\u{9b}']));
    }
}
