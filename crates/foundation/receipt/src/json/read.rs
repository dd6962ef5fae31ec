//! From text to a value.

use super::error::{JsonError, JsonErrorKind as Kind};
use super::lexer::{Lexer, MAX_DEPTH, StringSink};
use super::value::{Object, Value};

/// Collects a decoded string.
struct Decoded(Vec<u8>);

impl StringSink for Decoded {
    fn run(&mut self, run: &[u8]) {
        self.0.extend_from_slice(run);
    }

    fn escaped(&mut self, character: char) {
        self.0
            .extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    }
}

pub(super) fn read(input: &[u8]) -> Result<Value, JsonError> {
    let mut lexer = Lexer::new(input)?;
    let value = read_value(&mut lexer, 0)?;
    lexer.end()?;
    Ok(value)
}

fn read_value(lexer: &mut Lexer<'_>, depth: usize) -> Result<Value, JsonError> {
    match lexer.peek()? {
        b'{' => read_object(lexer, depth),
        b'[' => read_array(lexer, depth),
        b'"' => read_string(lexer).map(Value::String),
        b'-' | b'0'..=b'9' => lexer.number().map(Value::Number),
        b't' => lexer.literal(b"true").map(|()| Value::Bool(true)),
        b'f' => lexer.literal(b"false").map(|()| Value::Bool(false)),
        b'n' => lexer.literal(b"null").map(|()| Value::Null),
        _ => lexer.unexpected(),
    }
}

fn read_string(lexer: &mut Lexer<'_>) -> Result<String, JsonError> {
    let start = lexer.pos();
    let mut decoded = Decoded(Vec::new());
    lexer.string(&mut decoded)?;
    // Runs are cut from UTF-8 at ASCII bytes and characters are encoded, so this always succeeds.
    String::from_utf8(decoded.0).or_else(|_| Lexer::error_at(start, Kind::InvalidUtf8))
}

fn read_array(lexer: &mut Lexer<'_>, depth: usize) -> Result<Value, JsonError> {
    if depth == MAX_DEPTH {
        return Lexer::error_at(lexer.pos(), Kind::TooDeep);
    }
    lexer.bump();
    let mut items = Vec::new();
    if lexer.peek()? == b']' {
        lexer.bump();
        return Ok(Value::Array(items));
    }
    loop {
        items.push(read_value(lexer, depth + 1)?);
        match lexer.peek()? {
            b',' => lexer.bump(),
            b']' => {
                lexer.bump();
                return Ok(Value::Array(items));
            }
            _ => return lexer.unexpected(),
        }
    }
}

fn read_object(lexer: &mut Lexer<'_>, depth: usize) -> Result<Value, JsonError> {
    if depth == MAX_DEPTH {
        return Lexer::error_at(lexer.pos(), Kind::TooDeep);
    }
    lexer.bump();
    let mut members: Vec<(String, Value)> = Vec::new();
    let mut offsets: Vec<usize> = Vec::new();
    if lexer.peek()? == b'}' {
        lexer.bump();
        return Ok(Value::Object(Object::new()));
    }
    loop {
        if lexer.peek()? != b'"' {
            return lexer.unexpected();
        }
        offsets.push(lexer.pos());
        let name = read_string(lexer)?;
        lexer.expect(b':')?;
        members.push((name, read_value(lexer, depth + 1)?));
        match lexer.peek()? {
            b',' => lexer.bump(),
            b'}' => {
                lexer.bump();
                break;
            }
            _ => return lexer.unexpected(),
        }
    }
    Object::from_members(members)
        .map(Value::Object)
        .map_err(|(index, name)| JsonError {
            offset: offsets.get(index).copied().unwrap_or_default(),
            kind: Kind::DuplicateKey(name),
        })
}
