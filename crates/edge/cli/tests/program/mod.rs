//! Running the program as it is, on nobody's data.

use std::process::{Command, Output};

pub(crate) fn quorate(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_quorate"))
        .args(words)
        .env_clear()
        .env("HOME", "/home/op")
        .env("COLUMNS", "9999")
        .output()
        .unwrap()
}

/// What a command that has to work prints.
pub(crate) fn said(words: &[&str]) -> String {
    let done = quorate(words);
    assert!(
        done.status.success(),
        "{words:?}: {}",
        String::from_utf8_lossy(&done.stderr)
    );
    String::from_utf8(done.stdout).unwrap()
}
