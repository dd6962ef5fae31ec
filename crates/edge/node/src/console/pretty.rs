//! A receipt laid out over lines, in pieces that a page can mark.

use quorate_receipt::json::{self, Object, Value};

use super::words::json_literal;

/// What a piece is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// Brackets, numbers, literals and white space.
    Plain,
    /// A member's name.
    Name,
    /// A string.
    Text,
}

impl Part {
    /// The style class of strings, each of which stands in an element of its own, so that text written from
    /// right to left cannot change the order of what stands around it.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Name => "name",
            Self::Text => "text",
        }
    }
}

/// A piece of the layout.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) part: Part,
    pub(super) text: String,
}

/// Lays an object out. Put together, the pieces are JSON with the same meaning.
pub(super) fn pretty(object: &Object) -> Vec<Piece> {
    let mut layout = Layout { pieces: Vec::new() };
    layout.object(object, 0);
    layout.pieces
}

struct Layout {
    pieces: Vec<Piece>,
}

impl Layout {
    /// Neighbouring plain pieces become one: receipts of many numbers stay small pages.
    fn push(&mut self, part: Part, text: &str) {
        match self.pieces.last_mut() {
            Some(last) if part == Part::Plain && last.part == Part::Plain => {
                last.text.push_str(text);
            }
            _ => self.pieces.push(Piece {
                part,
                text: text.to_owned(),
            }),
        }
    }

    fn line(&mut self, depth: usize) {
        self.push(Part::Plain, "\n");
        self.push(Part::Plain, &"  ".repeat(depth));
    }

    // Depth is bounded: receipts nest at most `json::MAX_DEPTH` deep.
    fn value(&mut self, value: &Value, depth: usize) {
        match value {
            Value::String(text) => self.push(Part::Text, &json_literal(text)),
            Value::Array(items) if !items.is_empty() => {
                self.push(Part::Plain, "[");
                for (i, item) in items.iter().enumerate() {
                    if i > 0 {
                        self.push(Part::Plain, ",");
                    }
                    self.line(depth + 1);
                    self.value(item, depth + 1);
                }
                self.line(depth);
                self.push(Part::Plain, "]");
            }
            Value::Object(object) => self.object(object, depth),
            scalar => self.push(
                Part::Plain,
                &String::from_utf8_lossy(&json::canonical(scalar)),
            ),
        }
    }

    fn object(&mut self, object: &Object, depth: usize) {
        if object.is_empty() {
            return self.push(Part::Plain, "{}");
        }
        self.push(Part::Plain, "{");
        for (i, (name, value)) in object.iter().enumerate() {
            if i > 0 {
                self.push(Part::Plain, ",");
            }
            self.line(depth + 1);
            self.push(Part::Name, &json_literal(name));
            self.push(Part::Plain, ": ");
            self.value(value, depth + 1);
        }
        self.line(depth);
        self.push(Part::Plain, "}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn laid_out(text: &str) -> String {
        let value = json::parse(text.as_bytes()).unwrap();
        pretty(value.as_object().unwrap())
            .into_iter()
            .map(|p| p.text)
            .collect()
    }

    #[test]
    fn the_layout_means_what_the_receipt_means() {
        for text in [
            r#"{}"#,
            r#"{"a":[],"b":{},"c":[1,[2.5,null,true],{"d":"e"}],"f":-1e-7}"#,
            "{\"\u{202e}\":\"\u{202e}</script>\\u0000\"}",
        ] {
            let pretty = laid_out(text);
            assert_eq!(
                json::parse(pretty.as_bytes()),
                json::parse(text.as_bytes()),
                "{pretty}"
            );
        }
    }

    #[test]
    fn it_reads_well() {
        assert_eq!(
            laid_out(r#"{"a":[1,"x"],"b":{}}"#),
            "{\n  \"a\": [\n    1,\n    \"x\"\n  ],\n  \"b\": {}\n}"
        );
    }

    #[test]
    fn numbers_share_one_piece() {
        let value = json::parse(br#"{"a":[1,2,3]}"#).unwrap();
        assert_eq!(pretty(value.as_object().unwrap()).len(), 3);
    }
}
