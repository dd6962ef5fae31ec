//! From text straight to canonical text, without building a value: the path every receipt takes.
//!
//! The output is written once, in the order of the input. An object whose names arrive out of order is put
//! in order in place when it closes, so that input which is canonical already costs one pass and no sorting.
//! `tests/json.rs` holds this against [`read`](super::read) followed by [`write`](super::write).

use std::borrow::Cow;
use std::cmp::Ordering;

use super::error::{JsonError, JsonErrorKind as Kind};
use super::lexer::{Lexer, MAX_DEPTH, StringSink};
use super::value::compare_names;
use super::write::write_escape;

/// One member of an object in canonical text. Offsets are into that text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Member {
    /// The opening quote of the name.
    start: usize,
    /// Behind the closing quote of the name; the colon stands here.
    name_end: usize,
    /// Behind the value.
    end: usize,
    /// Where the name stood in the input.
    source: usize,
    /// The name is ASCII without escapes: its bytes compare as its UTF-16 code units do.
    simple: bool,
}

impl Member {
    /// A member of canonical text whose name is ASCII without escapes.
    pub(crate) fn simple(start: usize, name_length: usize, value_length: usize) -> Self {
        let name_end = start + name_length + 2;
        Self {
            start,
            name_end,
            end: name_end + 1 + value_length,
            source: start,
            simple: true,
        }
    }

    /// The opening quote of the name.
    pub(crate) fn start(&self) -> usize {
        self.start
    }

    /// Behind the value.
    pub(crate) fn end(&self) -> usize {
        self.end
    }

    /// Where the value begins.
    pub(crate) fn value_start(&self) -> usize {
        self.name_end + 1
    }

    /// The name as it stands in `text`, without quotes.
    pub(crate) fn name<'t>(&self, text: &'t [u8]) -> &'t [u8] {
        &text[self.start + 1..self.name_end - 1]
    }

    /// The value as it stands in `text`.
    pub(crate) fn value<'t>(&self, text: &'t [u8]) -> &'t [u8] {
        &text[self.value_start()..self.end]
    }

    /// The member after `by` bytes were inserted in front of it.
    pub(crate) fn shifted(self, by: usize) -> Self {
        Self {
            start: self.start + by,
            name_end: self.name_end + by,
            end: self.end + by,
            ..self
        }
    }

    /// The order of two members of `text`.
    pub(crate) fn compare(&self, other: &Self, text: &[u8]) -> Ordering {
        let (a, b) = (self.name(text), other.name(text));
        if self.simple && other.simple {
            a.cmp(b)
        } else {
            compare_names(&unescaped(a), &unescaped(b))
        }
    }

    /// [`Member::compare`] with a name that is ASCII and needs no escapes.
    pub(crate) fn compare_name(&self, name: &str, text: &[u8]) -> Ordering {
        if self.simple {
            self.name(text).cmp(name.as_bytes())
        } else {
            compare_names(&unescaped(self.name(text)), name)
        }
    }
}

/// The characters of a canonical string without its quotes.
pub(crate) fn unescaped(inner: &[u8]) -> Cow<'_, str> {
    if !inner.contains(&b'\\') {
        // Canonical text is UTF-8 and quotes are ASCII, so this always succeeds.
        return Cow::Borrowed(std::str::from_utf8(inner).unwrap_or_default());
    }
    let mut quoted = Vec::with_capacity(inner.len() + 2);
    quoted.push(b'"');
    quoted.extend_from_slice(inner);
    quoted.push(b'"');
    match super::parse(&quoted) {
        Ok(super::Value::String(text)) => Cow::Owned(text),
        // Canonical strings always parse.
        _ => Cow::Borrowed(""),
    }
}

/// Canonical text, and the members of its outermost object in their order.
pub(crate) struct Canonical {
    /// The text.
    pub(crate) text: Vec<u8>,
    /// The members if the text is an object.
    pub(crate) members: Option<Vec<Member>>,
}

/// Reads `input` and writes its canonical form.
pub(crate) fn transcode(input: &[u8], room: usize) -> Result<Canonical, JsonError> {
    let mut transcoder = Transcoder {
        lexer: Lexer::new(input)?,
        ascii: input.is_ascii(),
        out: Vec::with_capacity(input.len() + room),
        members: Vec::with_capacity(16),
        scratch: Vec::new(),
    };
    let is_object = transcoder.lexer.peek()? == b'{';
    transcoder.value(0)?;
    transcoder.lexer.end()?;
    Ok(Canonical {
        text: transcoder.out,
        members: is_object.then_some(transcoder.members),
    })
}

struct Transcoder<'a> {
    lexer: Lexer<'a>,
    /// The whole input is ASCII.
    ascii: bool,
    out: Vec<u8>,
    /// Members of all objects that are still open, innermost last.
    members: Vec<Member>,
    scratch: Vec<u8>,
}

/// Writes a string in canonical form.
struct Escaping<'o>(&'o mut Vec<u8>);

impl StringSink for Escaping<'_> {
    fn run(&mut self, run: &[u8]) {
        self.0.extend_from_slice(run);
    }

    fn escaped(&mut self, character: char) {
        match character {
            '"' | '\\' | '\0'..='\x1f' => write_escape(character as u8, self.0),
            _ => self
                .0
                .extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}

impl Transcoder<'_> {
    fn value(&mut self, depth: usize) -> Result<(), JsonError> {
        match self.lexer.peek()? {
            b'{' => self.object(depth),
            b'[' => self.array(depth),
            b'"' => self.string().map(|_| ()),
            b'-' | b'0'..=b'9' => {
                self.lexer.number()?.write(&mut self.out);
                Ok(())
            }
            b't' => self.literal(b"true"),
            b'f' => self.literal(b"false"),
            b'n' => self.literal(b"null"),
            _ => self.lexer.unexpected(),
        }
    }

    fn literal(&mut self, name: &'static [u8]) -> Result<(), JsonError> {
        self.lexer.literal(name)?;
        self.out.extend_from_slice(name);
        Ok(())
    }

    /// True if the string is ASCII without escapes.
    fn string(&mut self) -> Result<bool, JsonError> {
        let from = self.lexer.pos();
        self.out.push(b'"');
        let plain = self.lexer.string(&mut Escaping(&mut self.out))?;
        self.out.push(b'"');
        Ok(plain && (self.ascii || self.lexer.input()[from..self.lexer.pos()].is_ascii()))
    }

    fn array(&mut self, depth: usize) -> Result<(), JsonError> {
        if depth == MAX_DEPTH {
            return Lexer::error_at(self.lexer.pos(), Kind::TooDeep);
        }
        self.lexer.bump();
        self.out.push(b'[');
        if self.lexer.peek()? == b']' {
            self.lexer.bump();
            self.out.push(b']');
            return Ok(());
        }
        loop {
            self.value(depth + 1)?;
            match self.lexer.peek()? {
                b',' => {
                    self.lexer.bump();
                    self.out.push(b',');
                }
                b']' => {
                    self.lexer.bump();
                    self.out.push(b']');
                    return Ok(());
                }
                _ => return self.lexer.unexpected(),
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<(), JsonError> {
        if depth == MAX_DEPTH {
            return Lexer::error_at(self.lexer.pos(), Kind::TooDeep);
        }
        self.lexer.bump();
        self.out.push(b'{');
        let first = self.members.len();
        if self.lexer.peek()? == b'}' {
            self.lexer.bump();
            self.out.push(b'}');
            return Ok(());
        }
        let mut sorted = true;
        loop {
            if self.lexer.peek()? != b'"' {
                return self.lexer.unexpected();
            }
            let source = self.lexer.pos();
            let start = self.out.len();
            let simple = self.string()?;
            let name_end = self.out.len();
            self.lexer.expect(b':')?;
            self.out.push(b':');
            self.value(depth + 1)?;
            let member = Member {
                start,
                name_end,
                end: self.out.len(),
                source,
                simple,
            };
            if let Some(previous) = self.members.get(first..).and_then(<[Member]>::last) {
                sorted = sorted && previous.compare(&member, &self.out) == Ordering::Less;
            }
            self.members.push(member);
            match self.lexer.peek()? {
                b',' => {
                    self.lexer.bump();
                    self.out.push(b',');
                }
                b'}' => {
                    self.lexer.bump();
                    break;
                }
                _ => return self.lexer.unexpected(),
            }
        }
        if !sorted {
            self.sort(first)?;
        }
        self.out.push(b'}');
        if depth > 0 {
            self.members.truncate(first);
        }
        Ok(())
    }

    /// Puts the members from `first` on, which end the output, in order; two equal names are refused.
    fn sort(&mut self, first: usize) -> Result<(), JsonError> {
        let (out, scratch) = (&mut self.out, &mut self.scratch);
        let members = &mut self.members[first..];
        // Stable: of two equal names the later one follows the earlier one.
        members.sort_by(|a, b| a.compare(b, out));
        let repeated = members
            .windows(2)
            .filter(|pair| pair[0].name(out) == pair[1].name(out))
            .map(|pair| pair[1])
            .min_by_key(|member| member.source);
        if let Some(member) = repeated {
            let name = unescaped(member.name(out)).into();
            return Lexer::error_at(member.source, Kind::DuplicateKey(name));
        }
        let base = members.iter().map(Member::start).min().unwrap_or(out.len());
        scratch.clear();
        scratch.extend_from_slice(&out[base..]);
        out.truncate(base);
        for (index, member) in members.iter_mut().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            let start = out.len();
            out.extend_from_slice(&scratch[member.start - base..member.end - base]);
            member.name_end = start + (member.name_end - member.start);
            member.end = out.len();
            member.start = start;
        }
        Ok(())
    }
}
