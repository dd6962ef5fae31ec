//! Calm text for people: alignment, restrained colour, nothing that drives the terminal.

use std::fmt::Write as _;

use quorate_provenance::is_unseen;

/// How wide text is where nobody says.
const WIDTH: usize = 80;

/// Colours, or none, and how wide text may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paint {
    on: bool,
    width: usize,
}

impl Paint {
    /// No colours, and 80 columns.
    #[cfg(test)]
    pub const OFF: Self = Self {
        on: false,
        width: WIDTH,
    };

    /// Colours only on a terminal that has them, and not against the user's wish (no-color.org); as wide as COLUMNS
    /// says, or the terminal is.
    pub fn when(terminal: bool) -> Self {
        let unset = |name| std::env::var_os(name).is_none_or(|v| v.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|t| t == "dumb");
        let said = std::env::var("COLUMNS").ok().and_then(|c| c.parse().ok());
        let seen = || terminal_size::terminal_size().filter(|_| terminal);
        let width = said.or_else(|| seen().map(|(width, _)| usize::from(width.0)));
        Self {
            on: terminal && unset("NO_COLOR") && !dumb,
            width: width.filter(|w| *w > 0).unwrap_or(WIDTH),
        }
    }

    /// Lines of what fits behind `indent` columns, broken between words. A line that fits is kept as it is; a word
    /// that does not fit has a line of its own.
    pub fn fit(self, text: &str, indent: usize) -> Vec<String> {
        let width = self.width.saturating_sub(indent);
        text.lines().flat_map(|line| wrapped(line, width)).collect()
    }

    /// Whether a line is no wider than the screen.
    pub fn fits(self, line: &str) -> bool {
        line.chars().count() <= self.width
    }

    /// A paragraph whose lines below the first stand under its text, behind `label`.
    pub fn paragraph(self, label: &str, text: &str) -> String {
        let indent = label.chars().count();
        let mut out = String::new();
        for (i, line) in self.fit(text, indent).iter().enumerate() {
            let label = if i == 0 { label } else { "" };
            let _ = writeln!(out, "{label:indent$}{line}");
        }
        out
    }

    /// Whether there are colours.
    pub fn is_on(self) -> bool {
        self.on
    }

    fn with(self, code: &str, text: &str) -> String {
        if self.on {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }

    /// A heading.
    pub fn bold(self, text: &str) -> String {
        self.with("1", text)
    }

    /// A label.
    pub fn dim(self, text: &str) -> String {
        self.with("2", text)
    }

    /// Something that holds.
    pub fn good(self, text: &str) -> String {
        self.with("32", text)
    }

    /// Something to know.
    pub fn caution(self, text: &str) -> String {
        self.with("33", text)
    }

    /// Something that failed.
    pub fn error(self, text: &str) -> String {
        self.with("1;31", text)
    }
}

fn wrapped(line: &str, width: usize) -> Vec<String> {
    if line.chars().count() <= width {
        return vec![line.to_owned()];
    }
    let mut lines: Vec<String> = Vec::new();
    for word in line.split_whitespace() {
        match lines.last_mut() {
            Some(last) if last.chars().count() + 1 + word.chars().count() <= width => {
                last.push(' ');
                last.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// The text, or its beginning and its end where it has more than `most` characters.
pub fn middle(text: &str, most: usize) -> String {
    let length = text.chars().count();
    if length <= most {
        return text.to_owned();
    }
    let end = most / 2;
    let begin: String = text.chars().take(most.saturating_sub(end + 1)).collect();
    let end: String = text.chars().skip(length - end).collect();
    format!("{begin}…{end}")
}

/// Labels on the left, values on the right.
#[derive(Debug, Default)]
pub struct Fields {
    rows: Vec<(String, String)>,
}

impl Fields {
    /// No rows yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a row; an empty label continues the row above.
    #[must_use]
    pub fn row(mut self, label: &str, value: impl AsRef<str>) -> Self {
        self.push(label, value);
        self
    }

    /// Adds a row in place.
    pub fn push(&mut self, label: &str, value: impl AsRef<str>) {
        self.rows
            .push((label.to_owned(), printable(value.as_ref())));
    }

    /// The rows as lines, long values broken under themselves.
    pub fn render(&self, paint: Paint) -> String {
        let width = self
            .rows
            .iter()
            .map(|(label, _)| label.chars().count())
            .max()
            .unwrap_or(0);
        let mut text = String::new();
        for (label, value) in &self.rows {
            let mut lines = paint.fit(value, width + 4);
            if lines.is_empty() {
                lines.push(String::new());
            }
            for (i, line) in lines.iter().map(String::as_str).enumerate() {
                let label = if i == 0 { label } else { "" };
                let _ = writeln!(text, "  {}  {line}", paint.dim(&format!("{label:width$}")));
            }
        }
        text
    }
}

/// Rows under headings; columns whose heading begins with `>` are numbers.
#[derive(Debug)]
pub struct Table {
    head: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Headings and no rows yet.
    pub fn new(head: &[&str]) -> Self {
        Self {
            head: head.iter().map(|&h| h.to_owned()).collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row.
    pub fn push(&mut self, row: &[&str]) {
        self.rows
            .push(row.iter().map(|cell| printable(cell)).collect());
    }

    /// The table as lines.
    pub fn render(&self, paint: Paint) -> String {
        let right: Vec<bool> = self.head.iter().map(|h| h.starts_with('>')).collect();
        let head: Vec<String> = self
            .head
            .iter()
            .map(|h| h.trim_start_matches('>').to_owned())
            .collect();
        let width = |i: usize| {
            let cells = self.rows.iter().filter_map(|r| r.get(i)).chain(head.get(i));
            cells.map(|c| c.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..head.len()).map(width).collect();
        let line = |row: &[String]| {
            let mut text = String::new();
            for (i, cell) in row.iter().enumerate() {
                let width = widths.get(i).copied().unwrap_or(0);
                if i > 0 {
                    text.push_str("  ");
                }
                let _ = if right.get(i) == Some(&true) {
                    write!(text, "{cell:>width$}")
                } else {
                    write!(text, "{cell:width$}")
                };
            }
            text.trim_end().to_owned()
        };
        let mut text = format!("{}\n", paint.dim(&line(&head)));
        for row in &self.rows {
            text.push_str(&line(row));
            text.push('\n');
        }
        text
    }
}

/// The text with control characters and direction overrides shown as escapes, so that what somebody logged
/// cannot rewrite the screen of who reads it.
pub fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c == '\t' || !is_unseen(c) {
            out.push(c);
        } else {
            let _ = write!(out, "\\u{:04x}", u32::from(c));
        }
    }
    out
}

/// An RFC 3339 time to the second, for people; JSON keeps all of it.
pub fn seconds(time: &str) -> String {
    match time.split_once('.') {
        Some((whole, rest)) if rest.ends_with('Z') => format!("{whole}Z"),
        _ => time.to_owned(),
    }
}

/// A number of octets, for people: `999 B`, `1.5 kB`, `2.0 GB`.
pub(crate) fn octets(n: u64) -> String {
    if n < 1000 {
        return format!("{n} B");
    }
    let (mut tenths, mut unit) = (u128::from(n) * 10 / 1000, 0);
    while tenths >= 10_000 && unit < UNITS.len() - 1 {
        tenths /= 1000;
        unit += 1;
    }
    let unit = UNITS.get(unit).unwrap_or(&"kB");
    format!("{}.{} {unit}", tenths / 10, tenths % 10)
}

const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];

/// `1 receipt`, `2 receipts`.
pub fn count(n: u64, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_and_fields_are_aligned() {
        let mut table = Table::new(&["name", ">size", "visibility"]);
        table.push(&["A", "5", "public"]);
        table.push(&["Longer", "1234", "restricted"]);
        let text = "name    size  visibility\nA          5  public\nLonger  1234  restricted\n";
        assert_eq!(table.render(Paint::OFF), text);
        let fields = Fields::new()
            .row("a", "1")
            .row("long", "2\u{1b}c")
            .row("", "3");
        assert_eq!(
            fields.render(Paint::OFF),
            "  a     1\n  long  2\\u001bc\n        3\n"
        );
    }

    #[test]
    fn text_is_broken_between_words_and_continues_under_itself() {
        let narrow = Paint {
            width: 12,
            ..Paint::OFF
        };
        let text = narrow.paragraph("- ", "one two three a-very-long-word\n  kept");
        let lines = ["- one two", "  three", "  a-very-long-word", "    kept"];
        assert_eq!(text, lines.map(|l| format!("{l}\n")).concat());
        let fields = Fields::new().row("label", "one two").row("", "three");
        assert_eq!(
            fields.render(narrow),
            "  label  one\n         two\n         three\n"
        );
    }

    #[test]
    fn octets_are_told_in_thousands() {
        let told = [0, 999, 1000, 1999, 999_999, 1_000_000, u64::MAX].map(octets);
        let expected = [
            "0 B", "999 B", "1.0 kB", "1.9 kB", "999.9 kB", "1.0 MB", "18.4 EB",
        ];
        assert_eq!(told, expected.map(str::to_owned));
    }

    #[test]
    fn long_names_lose_their_middle() {
        assert_eq!(middle("0123456789", 10), "0123456789");
        assert_eq!(middle("0123456789a", 10), "0123…6789a");
        assert_eq!(middle("ääääääääääää", 5).chars().count(), 5);
    }

    #[test]
    fn people_see_times_to_the_second() {
        assert_eq!(seconds("2026-11-20T12:00:00.25Z"), "2026-11-20T12:00:00Z");
        assert_eq!(seconds("2026-11-20T12:00:00Z"), "2026-11-20T12:00:00Z");
        assert_eq!(seconds("-"), "-");
    }

    #[test]
    fn control_and_direction_characters_are_shown_not_obeyed() {
        assert_eq!(
            printable("a\u{1b}[31m\u{202e}\u{85}\tü\n"),
            "a\\u001b[31m\\u202e\\u0085\tü\\u000a"
        );
    }

    #[test]
    fn colours_surround_text_only_when_on() {
        let on = Paint {
            on: true,
            ..Paint::OFF
        };
        assert_eq!(on.good("x"), "\u{1b}[32mx\u{1b}[0m");
        assert_eq!(Paint::OFF.good("x"), "x");
        assert!(!Paint::when(false).is_on());
    }
}
