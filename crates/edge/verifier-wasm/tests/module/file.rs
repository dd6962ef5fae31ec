//! The cases as a file. Most texts differ little from another, so a text is written as what is put into one of the `files`.

use serde_json::{Value, json};

use crate::cases::{Case, files};

/// `{"cases":[…],"files":{…}}`, a case a line.
pub(crate) fn text(cases: &[Case]) -> String {
    let files = files();
    let mut out = "{\n\"files\": {\n".to_owned();
    let lines = files.iter().map(|(name, text)| {
        let text = str::from_utf8(text).unwrap();
        format!("{}: {}", json!(name), json!(text))
    });
    out += &lines.collect::<Vec<_>>().join(",\n");
    out += "\n},\n\"cases\": [\n";
    let lines = cases.iter().map(|case| {
        let args: Vec<Value> = case.args.iter().map(|arg| written(arg, &files)).collect();
        let answer: Value = serde_json::from_str(&case.answer()).unwrap();
        json!({"name": case.name, "call": case.call, "args": args, "answer": answer}).to_string()
    });
    out += &lines.collect::<Vec<_>>().join(",\n");
    out + "\n]\n}\n"
}

/// The difference as one piece: where, how much goes, what comes.
pub(crate) fn splice<'a>(from: &[u8], to: &'a [u8]) -> (usize, usize, &'a [u8]) {
    let same = |a: &u8, b: &u8| a == b;
    let before = from.iter().zip(to).take_while(|(a, b)| same(a, b)).count();
    let rest = (&from[before..], &to[before..]);
    let after = rest.0.iter().rev().zip(rest.1.iter().rev());
    let after = after.take_while(|(a, b)| same(a, b)).count();
    (
        before,
        rest.0.len() - after,
        &rest.1[..rest.1.len() - after],
    )
}

fn written(arg: &[u8], files: &[(&'static str, Vec<u8>)]) -> Value {
    let whole = json!({"text": str::from_utf8(arg).unwrap()});
    let pieces = files.iter().map(|(name, file)| match splice(file, arg) {
        (_, 0, []) => json!({"file": name}),
        (at, cut, put) => {
            json!({"file": name, "at": at, "cut": cut, "put": str::from_utf8(put).unwrap()})
        }
    });
    let shortest = pieces
        .chain([whole])
        .min_by_key(|value| value.to_string().len());
    shortest.unwrap()
}
