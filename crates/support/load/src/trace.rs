//! Reads what strace saw and judges it: was every answer sent only after the data it promises, and the seal
//! over that data, had been synced?
//!
//! strace writes events in the order in which it saw them. A call that other events interrupt is two lines,
//! `… <unfinished ...>` and `<... name resumed> …`; a call's beginning and its return are therefore two
//! positions, and "returned before" is a comparison of positions, not of clocks.

use std::collections::HashMap;

/// A system call with the positions of its two ends.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) name: String,
    /// The file or socket behind the first argument, as `strace -yy` decodes it.
    pub(crate) file: String,
    /// All arguments, as printed.
    pub(crate) arguments: String,
    /// Line of the beginning.
    pub(crate) began: usize,
    /// Line of the return; none if it never returned.
    pub(crate) returned: Option<usize>,
    /// What it returned.
    pub(crate) result: i64,
}

impl Call {
    pub(crate) fn is_write(&self) -> bool {
        matches!(
            self.name.as_str(),
            "write"
                | "writev"
                | "pwrite64"
                | "pwritev"
                | "pwritev2"
                | "sendto"
                | "sendmsg"
                | "send"
        )
    }

    pub(crate) fn is_sync(&self) -> bool {
        matches!(self.name.as_str(), "fsync" | "fdatasync")
    }

    pub(crate) fn is_socket(&self) -> bool {
        self.file.starts_with("TCP:")
            || self.file.starts_with("TCPv6:")
            || self.file.starts_with("socket:")
    }
}

/// Parses `strace -f -yy` output. Lines that are no system call (signals, exits) are skipped.
pub(crate) fn parse(text: &str) -> Vec<Call> {
    let mut calls: Vec<Call> = Vec::new();
    let mut unfinished: HashMap<&str, usize> = HashMap::new();
    for (at, line) in text.lines().enumerate() {
        let (thread, event) = split_thread(line);
        if let Some(rest) = event.strip_prefix("<... ") {
            let Some(index) = unfinished.remove(thread) else {
                continue;
            };
            let Some((_, tail)) = rest.split_once(" resumed>") else {
                continue;
            };
            let (arguments, result) = split_result(tail);
            calls[index].arguments.push_str(arguments);
            calls[index].returned = Some(at);
            calls[index].result = result;
            continue;
        }
        let Some((name, rest)) = event.split_once('(') else {
            continue;
        };
        if !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            continue;
        }
        let (arguments, returned, result) = match rest.strip_suffix("<unfinished ...>") {
            Some(arguments) => {
                unfinished.insert(thread, calls.len());
                (arguments, None, -1)
            }
            None => {
                let (arguments, result) = split_result(rest);
                (arguments, Some(at), result)
            }
        };
        calls.push(Call {
            name: name.to_owned(),
            file: file_of(arguments).to_owned(),
            arguments: arguments.to_owned(),
            began: at,
            returned,
            result,
        });
    }
    calls
}

/// `[pid 12] write(…` or `12 write(…` into thread and event.
fn split_thread(line: &str) -> (&str, &str) {
    let line = line.strip_prefix("[pid").map_or(line, str::trim_start);
    let end = line
        .bytes()
        .position(|b| !b.is_ascii_digit())
        .unwrap_or(line.len());
    (&line[..end], line[end..].trim_start_matches([']', ' ']))
}

/// `arguments) = result …` into both.
fn split_result(rest: &str) -> (&str, i64) {
    let Some((arguments, result)) = rest.rsplit_once(") ").or_else(|| rest.rsplit_once(")="))
    else {
        return (rest, -1);
    };
    let number = result.trim_start_matches([' ', '=']);
    let end = number
        .bytes()
        .skip(1)
        .position(|b| !b.is_ascii_digit())
        .map_or(number.len(), |i| i + 1);
    (
        arguments,
        number
            .get(..end)
            .and_then(|digits| digits.parse().ok())
            .unwrap_or(-1),
    )
}

/// The decoded name in `5</path/to/file>, …` or `9<TCP:[127.0.0.1:1->127.0.0.1:2]>, …`.
fn file_of(arguments: &str) -> &str {
    let digits = arguments.bytes().take_while(u8::is_ascii_digit).count();
    let Some(rest) = arguments[digits..].strip_prefix('<') else {
        return "";
    };
    let mut depth = 0_usize;
    for (at, byte) in rest.bytes().enumerate() {
        match byte {
            b'[' => depth += 1,
            b']' => depth = depth.saturating_sub(1),
            b'>' if depth == 0 => return &rest[..at],
            _ => {}
        }
    }
    rest
}

/// Where one append stands in the trace.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Evidence {
    /// The record, its sync, the journal, its sync, the answer: positions in the trace.
    pub(crate) record_written: usize,
    pub(crate) record_synced: usize,
    pub(crate) seal_written: usize,
    pub(crate) seal_synced: usize,
    pub(crate) answered: usize,
}

/// What of an append the trace lacks, or has in the wrong order.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unproven {
    /// The entry was not seen going into a record file.
    #[error("no write of the entry to a record file ({0}) was seen")]
    NotWritten(String),
    /// No answer was seen after the entry was written.
    #[error("no answer to the append was seen")]
    NotAnswered,
    /// The record was not synced before the answer.
    #[error("the record's sync had not returned when the answer was sent")]
    RecordNotSynced,
    /// No seal was written before the answer.
    #[error("no seal was written to the journal before the answer")]
    NotSealed,
    /// The seal was not synced before the answer.
    #[error("the seal's sync had not returned when the answer was sent")]
    SealNotSynced,
}

/// The names by which a scroll's two files are known.
pub(crate) struct Files<'a> {
    pub(crate) record: &'a str,
    pub(crate) journal: &'a str,
}

/// Judges the append of the entry that contains `marker`, which was the only one under way.
pub(crate) fn judge(calls: &[Call], files: &Files<'_>, marker: &str) -> Result<Evidence, Unproven> {
    let written = |call: &Call| call.is_write() && call.result > 0;
    let record = calls
        .iter()
        .find(|c| written(c) && c.file.ends_with(files.record) && c.arguments.contains(marker))
        .ok_or_else(|| Unproven::NotWritten(files.record.to_owned()))?;
    // From its beginning on: an answer that overtakes the write must be found, not skipped.
    let answer = calls
        .iter()
        .find(|c| {
            c.is_write()
                && c.is_socket()
                && c.began > record.began
                && c.arguments.contains("\"HTTP/1.1 200 OK")
        })
        .ok_or(Unproven::NotAnswered)?;
    let record_written = record.returned.unwrap_or(usize::MAX);
    let record_synced =
        synced(calls, &record.file, record_written, answer).ok_or(Unproven::RecordNotSynced)?;
    let seal = calls
        .iter()
        .find(|c| {
            written(c)
                && c.file.ends_with(files.journal)
                && c.began > record.began
                && c.began < answer.began
        })
        .ok_or(Unproven::NotSealed)?;
    let seal_written = seal.returned.unwrap_or(usize::MAX);
    let seal_synced =
        synced(calls, &seal.file, seal_written, answer).ok_or(Unproven::SealNotSynced)?;
    Ok(Evidence {
        record_written,
        record_synced,
        seal_written,
        seal_synced,
        answered: answer.began,
    })
}

/// Where a sync of `file` that began after the write returned itself returned, without an error, before the
/// answer began to leave.
fn synced(calls: &[Call], file: &str, written: usize, answer: &Call) -> Option<usize> {
    calls
        .iter()
        .filter(|c| c.is_sync() && c.file == file && c.began > written && c.result == 0)
        .filter_map(|c| c.returned)
        .find(|returned| *returned < answer.began)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"100 recvfrom(9<TCP:[127.0.0.1:8484->127.0.0.1:5000]>, "POST /x marker-1", 16, 0, NULL, NULL) = 16
101 write(5</d/receipts/load/load_events.jsonl>, "{\"text\":\"marker-1\"}\n", 300) = 300
101 fdatasync(5</d/receipts/load/load_events.jsonl> <unfinished ...>
102 write(7</d/other>, "x", 1) = 1
101 <... fdatasync resumed>)          = 0
101 pwrite64(6</d/receipts/load/commit.journal>, "QJ\1", 100, 4096) = 100
101 fdatasync(6</d/receipts/load/commit.journal>) = 0
100 sendto(9<TCP:[127.0.0.1:8484->127.0.0.1:5000]>, "HTTP/1.1 200 OK\r\n", 300, MSG_NOSIGNAL, NULL, 0) = 300
"#;
    const FILES: Files<'static> = Files {
        record: "load_events.jsonl",
        journal: "commit.journal",
    };

    fn judged(lines: &[&str]) -> Result<Evidence, Unproven> {
        judge(&parse(&lines.join("\n")), &FILES, "marker-1")
    }

    #[test]
    fn a_call_in_two_lines_is_one_call() {
        let calls = parse(GOOD);
        assert_eq!(calls.len(), 7);
        let sync = &calls[2];
        assert_eq!(
            (sync.name.as_str(), sync.began, sync.returned, sync.result),
            ("fdatasync", 2, Some(4), 0)
        );
        assert_eq!(sync.file, "/d/receipts/load/load_events.jsonl");
        assert_eq!(calls[0].file, "TCP:[127.0.0.1:8484->127.0.0.1:5000]");
        assert_eq!(calls[1].result, 300);
    }

    #[test]
    fn both_syncs_before_the_answer_are_a_pass() {
        let lines: Vec<&str> = GOOD.lines().collect();
        let evidence = judged(&lines).unwrap();
        let expected = Evidence {
            record_written: 1,
            record_synced: 4,
            seal_written: 5,
            seal_synced: 6,
            answered: 7,
        };
        assert_eq!(evidence, expected);
    }

    #[test]
    fn each_step_that_is_missing_late_or_failed_is_named() {
        let good: Vec<&str> = GOOD.lines().collect();
        let without = |at: usize| {
            let mut lines = good.clone();
            lines.remove(at);
            judged(&lines)
        };
        let moved = |from: usize, to: usize| {
            let mut lines = good.clone();
            let line = lines.remove(from);
            lines.insert(to, line);
            judged(&lines)
        };
        let failed = |at: usize| {
            let line = good[at].replace("= 0", "= -1 EIO (Input/output error)");
            let mut lines = good.clone();
            lines[at] = &line;
            judged(&lines)
        };
        assert_eq!(
            without(1),
            Err(Unproven::NotWritten("load_events.jsonl".to_owned()))
        );
        assert_eq!(without(7), Err(Unproven::NotAnswered));
        assert_eq!(
            without(4),
            Err(Unproven::RecordNotSynced),
            "a sync that never returned"
        );
        assert_eq!(without(5), Err(Unproven::NotSealed));
        assert_eq!(without(6), Err(Unproven::SealNotSynced));
        assert_eq!(
            moved(4, 7),
            Err(Unproven::RecordNotSynced),
            "the answer overtook the record's sync"
        );
        assert_eq!(
            moved(6, 7),
            Err(Unproven::SealNotSynced),
            "the answer overtook the seal's sync"
        );
        assert_eq!(
            moved(5, 6),
            Err(Unproven::SealNotSynced),
            "synced before the seal was written"
        );
        assert_eq!(
            moved(7, 2),
            Err(Unproven::RecordNotSynced),
            "the answer came first"
        );
        assert_eq!(failed(4), Err(Unproven::RecordNotSynced));
        assert_eq!(failed(6), Err(Unproven::SealNotSynced));
    }
}
