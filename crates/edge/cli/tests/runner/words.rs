//! One line of a session: words with quotes, `NAME=value` before them, `< file` and `> file` behind.

/// A parsed line.
pub(crate) struct Line {
    pub(crate) words: Vec<String>,
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) input: Option<String>,
    pub(crate) output: Option<String>,
}

/// Parses a line; only what fixtures need.
pub(crate) fn parse(text: &str) -> Line {
    let mut line = Line {
        words: Vec::new(),
        environment: Vec::new(),
        input: None,
        output: None,
    };
    let mut words = split(text).into_iter().peekable();
    while let Some((word, quoted)) = words.next() {
        match word.as_str() {
            "<" if !quoted => line.input = words.next().map(|w| w.0),
            ">" if !quoted => line.output = words.next().map(|w| w.0),
            _ => match word.split_once('=') {
                Some((name, value)) if line.words.is_empty() => {
                    line.environment.push((name.to_owned(), value.to_owned()));
                }
                _ => line.words.push(word),
            },
        }
    }
    line
}

fn split(text: &str) -> Vec<(String, bool)> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quote = None;
    let mut quoted = false;
    for c in text.chars().chain([' ']) {
        match (quote, c) {
            (Some(q), c) if c == q => quote = None,
            (Some(_), c) => word.push(c),
            (None, '\'' | '"') => {
                quote = Some(c);
                quoted = true;
            }
            (None, ' ') => {
                if quoted || !word.is_empty() {
                    words.push((std::mem::take(&mut word), quoted));
                }
                quoted = false;
            }
            (None, c) => word.push(c),
        }
    }
    words
}
