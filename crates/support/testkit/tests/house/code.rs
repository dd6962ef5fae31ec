//! What a Rust file does, without what it says: comments, literals and `#[cfg(test)]` items blanked out, so
//! that a rule about code is not broken by a sentence or a test.

/// The text with comments and the insides of literals replaced by spaces. Line breaks stay, so that offsets
/// still give line numbers.
pub(crate) fn without_comments_and_literals(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = match bytes[at] {
            b'/' if bytes.get(at + 1) == Some(&b'/') => find(bytes, at, b"\n"),
            b'/' if bytes.get(at + 1) == Some(&b'*') => block_comment_end(bytes, at),
            b'"' => string_end(bytes, at),
            b'r' | b'b' | b'c' if !follows_word(bytes, at) => match raw_string_end(bytes, at) {
                Some(end) => end,
                None => at,
            },
            b'\'' => char_end(bytes, at),
            _ => at,
        };
        for byte in &mut out[at..end] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        at = end.max(at + 1);
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// The code that is built into what ships: as above, and items under `#[cfg(test)]` blanked too.
pub(crate) fn shipped(text: &str) -> String {
    let mut code = without_comments_and_literals(text).into_bytes();
    let marker = b"#[cfg(test)]";
    let mut from = 0;
    loop {
        let start = find(&code, from, marker);
        if start == code.len() {
            return String::from_utf8_lossy(&code).into_owned();
        }
        let end = item_end(&code, start + marker.len());
        for byte in &mut code[start..end] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        from = end;
    }
}

/// The 1-based line of a byte offset.
pub(crate) fn line_of(text: &str, offset: usize) -> usize {
    text.as_bytes()[..offset]
        .iter()
        .filter(|b| **b == b'\n')
        .count()
        + 1
}

/// Every path in `code` that goes through the module or crate `head` (`process::Command`,
/// `std::process::{self, exit}`, `use std::process as p`), as (offset, the names behind it). A mere word
/// `head` that is not part of a path is no match.
pub(crate) fn paths_through<'a>(code: &'a str, head: &str) -> Vec<(usize, Vec<&'a str>)> {
    let mut found = Vec::new();
    for (offset, _) in code.match_indices(head) {
        let before = &code.as_bytes()[..offset];
        let after = &code[offset + head.len()..];
        if before.last().is_some_and(|b| is_word(*b)) || after.bytes().next().is_some_and(is_word) {
            continue;
        }
        let after = after.trim_start();
        if let Some(rest) = after.strip_prefix("::") {
            let rest = rest.trim_start();
            let names = match rest.strip_prefix('{') {
                Some(group) => group_names(group),
                None => vec![first_word(rest)],
            };
            found.push((offset, names));
        } else if is_import(&code[..offset]) {
            // The module itself is brought into scope, perhaps under another name.
            let renamed = after.starts_with("as ");
            found.push((offset, vec![if renamed { "as" } else { "self" }]));
        }
    }
    found
}

/// Whether what comes before an offset is the beginning of a `use` declaration.
fn is_import(before: &str) -> bool {
    let statement = &before[before.rfind(';').map_or(0, |i| i + 1)..];
    statement.rfind("use ").is_some_and(|at| {
        let lead = statement[..at].trim_end();
        lead.is_empty() || lead.ends_with([']', ')', '{', '}']) || lead.ends_with("pub")
    })
}

/// The first words of the members of a `{…}` group, its opening brace taken off.
fn group_names(group: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let (mut depth, mut start) = (0_usize, 0);
    for (at, byte) in group.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' if depth > 0 => depth -= 1,
            b',' | b'}' if depth == 0 => {
                names.push(first_word(group[start..at].trim()));
                start = at + 1;
                if byte == b'}' {
                    break;
                }
            }
            _ => {}
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

fn first_word(text: &str) -> &str {
    let end = text.bytes().position(|b| !is_word(b)).unwrap_or(text.len());
    if end == 0 && text.starts_with('*') {
        "*"
    } else {
        &text[..end]
    }
}

fn is_word(byte: u8) -> bool {
    byte == b'_' || byte.is_ascii_alphanumeric()
}

fn follows_word(bytes: &[u8], at: usize) -> bool {
    at > 0 && is_word(bytes[at - 1])
}

fn find(bytes: &[u8], from: usize, needle: &[u8]) -> usize {
    bytes[from..]
        .windows(needle.len())
        .position(|w| w == needle)
        .map_or(bytes.len(), |i| from + i)
}

fn block_comment_end(bytes: &[u8], start: usize) -> usize {
    let mut depth = 0_usize;
    let mut at = start;
    while at < bytes.len() {
        if bytes[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if bytes[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    at
}

fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// The end of `r"…"`, `r#"…"#`, `br#"…"#`, or none where no raw string begins.
fn raw_string_end(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start;
    if matches!(bytes[at], b'b' | b'c') {
        at += 1;
    }
    if bytes.get(at) != Some(&b'r') {
        return None;
    }
    at += 1;
    let hashes = bytes[at..].iter().take_while(|b| **b == b'#').count();
    at += hashes;
    if bytes.get(at) != Some(&b'"') {
        return None;
    }
    let mut close = vec![b'"'];
    close.resize(hashes + 1, b'#');
    Some((find(bytes, at + 1, &close) + close.len()).min(bytes.len()))
}

/// The end of a character literal, or `start` where the quote begins a lifetime.
fn char_end(bytes: &[u8], start: usize) -> usize {
    match bytes.get(start + 1) {
        Some(b'\\') => find(bytes, start + 3, b"'").min(bytes.len() - 1) + 1,
        Some(first) => {
            let width = match first {
                0xF0.. => 4,
                0xE0.. => 3,
                0xC0.. => 2,
                _ => 1,
            };
            if bytes.get(start + 1 + width) == Some(&b'\'') {
                start + 2 + width
            } else {
                start
            }
        }
        None => start,
    }
}

/// The end of the item that begins behind an attribute: its closing brace or semicolon, or the comma of a
/// field. Errs towards blanking too little, so that nothing which ships is hidden.
fn item_end(code: &[u8], from: usize) -> usize {
    let mut depth = 0_usize;
    for (at, byte) in code.iter().enumerate().skip(from) {
        match byte {
            b'{' | b'(' | b'[' => depth += 1,
            b'}' if depth <= 1 => return if depth == 0 { at } else { at + 1 },
            b'}' | b')' | b']' => depth = depth.saturating_sub(1),
            b';' | b',' if depth == 0 => return at + 1,
            _ => {}
        }
    }
    code.len()
}
