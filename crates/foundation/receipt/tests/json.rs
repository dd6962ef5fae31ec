//! Canonical JSON: the examples of RFC 8785, what RFC 7493 and RFC 8259 forbid, and properties against
//! readers and writers by other people.
#![expect(clippy::expect_used, reason = "tests stop at what cannot happen")]

use proptest::prelude::*;
use quorate_receipt::json::{
    self, JsonError, JsonErrorKind as Kind, MAX_DEPTH, MAX_SAFE_INTEGER, Number, Object, Value,
};

fn canonicalize(input: &str) -> String {
    let text = json::canonicalize(input.as_bytes()).expect("acceptable JSON");
    let by_value = json::canonical(&json::parse(input.as_bytes()).expect("acceptable JSON"));
    assert_eq!(text, by_value, "the two routes differ on {input}");
    assert!(json::is_canonical(&text));
    String::from_utf8(text).expect("UTF-8")
}

/// Both readers refuse `input`, for the same reason at the same place.
fn refusal(input: impl AsRef<[u8]>) -> (usize, Kind) {
    let input = input.as_ref();
    let JsonError { offset, kind } = json::parse(input).expect_err("refused");
    assert_eq!(
        json::canonicalize(input),
        Err(JsonError {
            offset,
            kind: kind.clone()
        })
    );
    assert!(!json::is_canonical(input));
    (offset, kind)
}

#[test]
fn rfc8785_3_2_2_structures_literals_strings_and_numbers() {
    let input = r#"{
      "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
      "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
      "literals": [null, true, false]
    }"#;
    assert_eq!(
        canonicalize(input),
        concat!(
            r#"{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"#,
            "\"string\":\"\u{20ac}$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}"
        )
    );
}

#[test]
fn rfc8785_3_2_3_names_sort_by_utf16_code_units() {
    let input = r#"{
      "\u20ac": "Euro Sign",
      "\r": "Carriage Return",
      "\ufb33": "Hebrew Letter Dalet With Dagesh",
      "1": "One",
      "\ud83d\ude00": "Emoji: Grinning Face",
      "\u0080": "Control",
      "\u00f6": "Latin Small Letter O With Diaeresis"
    }"#;
    assert_eq!(
        canonicalize(input),
        concat!(
            "{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\u{80}\":\"Control\",",
            "\"\u{f6}\":\"Latin Small Letter O With Diaeresis\",\"\u{20ac}\":\"Euro Sign\",",
            "\"\u{1f600}\":\"Emoji: Grinning Face\",\"\u{fb33}\":\"Hebrew Letter Dalet With Dagesh\"}"
        )
    );
}

#[test]
fn rfc8785_3_2_3_sorting_is_recursive_and_leaves_arrays_alone() {
    assert_eq!(
        canonicalize(
            r#"{"1": {"f": {"f": "hi","F": 5} ,"\n": 56.0}, "10": { }, "": "empty", "a": { },
                "111": [ {"e": "yes","E": "no" } ], "A": { }}"#
        ),
        r#"{"":"empty","1":{"\n":56,"f":{"F":5,"f":"hi"}},"10":{},"111":[{"E":"no","e":"yes"}],"A":{},"a":{}}"#
    );
    assert_eq!(
        canonicalize("[56, {\"d\": true, \"10\": null, \"1\": [ ]}]"),
        r#"[56,{"1":[],"10":null,"d":true}]"#
    );
}

#[test]
fn rfc8785_3_2_3_sorting_ignores_the_locale() {
    assert_eq!(
        canonicalize(
            r#"{"peach": "This sorting order", "péché": "is wrong according to French",
                "pêche": "but canonicalization MUST", "sin": "ignore locale"}"#
        ),
        concat!(
            r#"{"peach":"This sorting order","péché":"is wrong according to French","#,
            r#""pêche":"but canonicalization MUST","sin":"ignore locale"}"#
        )
    );
}

#[test]
fn rfc8785_3_1_strings_are_not_normalised() {
    assert_eq!(canonicalize(r#""A\u030a""#), "\"A\u{30a}\"");
}

#[test]
fn rfc8785_3_2_2_2_each_character_has_one_spelling() {
    for code in 0..0x80_u8 {
        let character = char::from(code);
        let expected = match character {
            '\u{8}' => "\\b".to_owned(),
            '\t' => "\\t".to_owned(),
            '\n' => "\\n".to_owned(),
            '\u{c}' => "\\f".to_owned(),
            '\r' => "\\r".to_owned(),
            '"' => "\\\"".to_owned(),
            '\\' => "\\\\".to_owned(),
            '\0'..='\x1f' => format!("\\u{code:04x}"),
            _ => character.to_string(),
        };
        let quoted = format!("\"{expected}\"");
        assert_eq!(canonicalize(&format!("\"\\u{code:04X}\"")), quoted);
        assert_eq!(
            json::canonical(&Value::from(character.to_string().as_str())),
            quoted.as_bytes()
        );
    }
    // Separators, quotes and slashes that other writers escape stay as they are.
    assert_eq!(
        canonicalize(r#""\u2028\u2029\/\u003c""#),
        "\"\u{2028}\u{2029}/<\""
    );
}

#[test]
fn numbers_have_one_spelling() {
    for (input, expected) in [
        ("-0", "0"),
        ("0.0", "0"),
        ("-0.0e-9", "0"),
        ("1.0", "1"),
        ("1e2", "100"),
        ("100E-2", "1"),
        ("1e-7", "1e-7"),
        ("0.0000001", "1e-7"),
        ("1e21", "1e+21"),
        ("1E+30", "1e+30"),
        ("-1.5", "-1.5"),
        ("1e-400", "0"),
        ("9007199254740991", "9007199254740991"),
        ("-9007199254740991", "-9007199254740991"),
        ("9.007199254740991e15", "9007199254740991"),
    ] {
        assert_eq!(canonicalize(input), expected);
        assert_eq!(
            json::is_canonical(input.as_bytes()),
            input == expected,
            "{input}"
        );
    }
}

#[test]
fn rfc7493_2_2_integers_beyond_two_to_the_53_are_refused() {
    for input in [
        "9007199254740992",
        "-9007199254740992",
        "18446744073709551615",
        "18446744073709551616",
        "100000000000000000000000000000000000000",
        "9007199254740992.0",
        "1e16",
        "1e20",
        "-999999999999999900000.5",
    ] {
        assert_eq!(refusal(input), (0, Kind::IntegerOutOfRange), "{input}");
    }
    assert_eq!(refusal("1e309"), (0, Kind::NumberOutOfRange));
    assert_eq!(refusal("[-1.0E+999]"), (1, Kind::NumberOutOfRange));
}

#[test]
fn rfc7493_2_3_duplicate_names_are_refused_wherever_they_are() {
    let duplicate = |name: &str| Kind::DuplicateKey(name.into());
    assert_eq!(refusal(r#"{"a":1,"a":2}"#), (7, duplicate("a")));
    assert_eq!(refusal(r#"{"a":1,"b":2,"a":1}"#), (13, duplicate("a")));
    assert_eq!(
        refusal(r#"{"b":1,"a":2,"b":1,"a":0}"#),
        (13, duplicate("b"))
    );
    assert_eq!(refusal(r#"[{"x":{"a":1,"a":2}}]"#), (13, duplicate("a")));
    assert_eq!(refusal(r#"{"a":1,"\u0061":2}"#), (7, duplicate("a")));
    assert_eq!(refusal(r#"{"\u00e9":1,"é":2}"#), (12, duplicate("é")));
    assert_eq!(refusal(r#"{"":1,"":2}"#), (6, duplicate("")));
    assert_eq!(refusal(r#"{"\n":1,"\u000a":2}"#), (8, duplicate("\n")));
    // Equal names at different levels are no duplicates.
    assert_eq!(
        canonicalize(r#"{"a":{"a":{"a":1}},"b":[{"a":1},{"a":1}]}"#).len(),
        41
    );
}

#[test]
fn rfc7493_2_1_lone_surrogates_are_refused() {
    for input in [
        r#""\ud800""#,
        r#""\udfff""#,
        r#""\ud800x""#,
        r#""\ud800\n""#,
        r#""\ud800\ud800""#,
        r#""\ud800\u0041""#,
        r#""\udc00\ud800""#,
    ] {
        assert_eq!(refusal(input), (1, Kind::LoneSurrogate), "{input}");
    }
    assert_eq!(
        canonicalize(r#""\uD800\uDC00\udbff\udfff""#),
        "\"\u{10000}\u{10ffff}\""
    );
}

#[test]
fn rfc8259_8_1_only_utf8_is_read() {
    for (bytes, offset) in [
        (b"\"\xff\"".as_slice(), 1),
        (b"\"\xc0\xaf\"", 1),
        (b"\"ab\xed\xa0\x80\"", 3),
        (b"\"\xf4\x90\x80\x80\"", 1),
        (b"{}\x80", 2),
        (b"\"\xe2\x82", 1),
        (b"[\"\x00\", \"\xfe\"]", 7),
    ] {
        assert_eq!(refusal(bytes), (offset, Kind::InvalidUtf8));
    }
    assert_eq!(refusal("\u{feff}{}"), (0, Kind::UnexpectedByte(0xef)));
    assert_eq!(
        refusal(
            "{\"a\":1}"
                .encode_utf16()
                .flat_map(u16::to_le_bytes)
                .collect::<Vec<_>>()
        ),
        (1, Kind::UnexpectedByte(0))
    );
}

#[test]
fn rfc8259_2_what_is_not_json_is_refused() {
    for (input, offset, kind) in [
        ("", 0, Kind::UnexpectedEnd),
        ("  ", 2, Kind::UnexpectedEnd),
        ("[1,]", 3, Kind::UnexpectedByte(b']')),
        ("[,1]", 1, Kind::UnexpectedByte(b',')),
        ("[1 2]", 3, Kind::UnexpectedByte(b'2')),
        ("{\"a\":1,}", 7, Kind::UnexpectedByte(b'}')),
        ("{a:1}", 1, Kind::UnexpectedByte(b'a')),
        ("{'a':1}", 1, Kind::UnexpectedByte(b'\'')),
        ("{\"a\" 1}", 5, Kind::UnexpectedByte(b'1')),
        ("{\"a\":}", 5, Kind::UnexpectedByte(b'}')),
        ("{1:1}", 1, Kind::UnexpectedByte(b'1')),
        ("tru", 3, Kind::UnexpectedEnd),
        ("trux", 3, Kind::UnexpectedByte(b'x')),
        ("True", 0, Kind::UnexpectedByte(b'T')),
        ("nul", 3, Kind::UnexpectedEnd),
        ("NaN", 0, Kind::UnexpectedByte(b'N')),
        ("Infinity", 0, Kind::UnexpectedByte(b'I')),
        ("-Infinity", 0, Kind::InvalidNumber),
        ("+1", 0, Kind::UnexpectedByte(b'+')),
        (".5", 0, Kind::UnexpectedByte(b'.')),
        ("5.", 2, Kind::UnexpectedEnd),
        ("5.e1", 0, Kind::InvalidNumber),
        ("01", 0, Kind::InvalidNumber),
        ("-01", 0, Kind::InvalidNumber),
        ("00", 0, Kind::InvalidNumber),
        ("-", 1, Kind::UnexpectedEnd),
        ("1e", 2, Kind::UnexpectedEnd),
        ("1e+", 3, Kind::UnexpectedEnd),
        ("[1e+]", 1, Kind::InvalidNumber),
        ("0x10", 1, Kind::TrailingData),
        ("1_000", 1, Kind::TrailingData),
        ("{} {}", 3, Kind::TrailingData),
        ("1 2", 2, Kind::TrailingData),
        ("{}/* */", 2, Kind::TrailingData),
        ("// x\n{}", 0, Kind::UnexpectedByte(b'/')),
        ("\"a\nb\"", 2, Kind::ControlCharacter),
        ("\"a\tb\"", 2, Kind::ControlCharacter),
        ("\"a\0b\"", 2, Kind::ControlCharacter),
        ("\"\\x41\"", 1, Kind::InvalidEscape),
        ("\"\\u{41}\"", 3, Kind::InvalidEscape),
        ("\"\\u00g0\"", 5, Kind::InvalidEscape),
        ("\"\\'\"", 1, Kind::InvalidEscape),
        ("\u{a0}1", 0, Kind::UnexpectedByte(0xc2)),
        ("\u{c}1", 0, Kind::UnexpectedByte(0xc)),
    ] {
        assert_eq!(refusal(input), (offset, kind), "{input:?}");
    }
}

#[test]
fn carriage_returns_between_tokens_are_refused() {
    assert_eq!(refusal("{\"a\":1}\r\n"), (7, Kind::CarriageReturn));
    assert_eq!(refusal("{\r\n\"a\":1}"), (1, Kind::CarriageReturn));
    assert_eq!(refusal("\r1"), (0, Kind::CarriageReturn));
    assert_eq!(canonicalize("\"\\r\""), "\"\\r\"");
}

#[test]
fn depth_ends_at_64() {
    let nested = |open: &str, close: &str, depth: usize| {
        format!("{}{}", open.repeat(depth), close.repeat(depth))
    };
    assert_eq!(MAX_DEPTH, 64);
    canonicalize(&nested("[", "]", 64));
    canonicalize(&format!("{}1{}", "{\"a\":".repeat(64), "}".repeat(64)));
    assert_eq!(refusal(nested("[", "]", 65)), (64, Kind::TooDeep));
    assert_eq!(
        refusal(format!("{}1{}", "{\"a\":".repeat(65), "}".repeat(65))),
        (64 * 5, Kind::TooDeep)
    );
    // Neither the stack nor time runs out on what is far too deep.
    assert_eq!(refusal("[".repeat(500_000)), (64, Kind::TooDeep));
}

#[test]
fn text_cut_off_anywhere_ends_too_early() {
    let text = concat!(
        r#"{"a":[1.5e-7,-12,true,false,null,{"b":"\ud83d\ude00\n\u00e9","c":[]}],"#,
        r#""d":{},"e":"plain text that is longer than eight bytes"}"#
    );
    canonicalize(text);
    for length in 0..text.len() {
        assert_eq!(refusal(&text[..length]).1, Kind::UnexpectedEnd, "{length}");
    }
}

#[test]
fn values_convert_within_the_rules_only() {
    assert_eq!(
        Value::try_from(9_007_199_254_740_991_u64)
            .ok()
            .and_then(|v| v.as_u64()),
        Some(9_007_199_254_740_991)
    );
    assert_eq!(
        Value::try_from(9_007_199_254_740_992_u64),
        Err(Kind::IntegerOutOfRange)
    );
    assert_eq!(Value::try_from(u64::MAX), Err(Kind::IntegerOutOfRange));
    assert_eq!(
        Value::try_from(-9_007_199_254_740_992_i64),
        Err(Kind::IntegerOutOfRange)
    );
    assert_eq!(Value::from(u32::MAX).as_i64(), Some(4_294_967_295));
    let negative = json::parse(b"-1").expect("a number");
    assert_eq!((negative.as_i64(), negative.as_u64()), (Some(-1), None));
    assert_eq!(json::parse(b"1.5").expect("a number").as_i64(), None);
}

#[test]
fn objects_keep_their_order_and_names_once() {
    let mut object = Object::new()
        .with("b", 1_u32)
        .with("a", 2_u32)
        .with("\u{1f600}", 3_u32)
        .with("\u{fb33}", 4_u32);
    assert_eq!(object.insert("b", "new"), Some(Value::from(1_u32)));
    assert_eq!(
        object.iter().map(|(name, _)| name).collect::<Vec<_>>(),
        ["a", "b", "\u{1f600}", "\u{fb33}"]
    );
    assert_eq!(object.get_str("b"), Some("new"));
    assert_eq!(object.remove("a").and_then(|v| v.as_u64()), Some(2));
    assert_eq!((object.len(), object.get("a")), (3, None));
}

// Properties.

/// Characters where escapes, UTF-8 lengths and the order of UTF-16 against UTF-8 change.
fn character() -> impl Strategy<Value = char> {
    prop_oneof![
        4 => prop::char::range(' ', '~'),
        2 => prop::char::range('\0', '\x1f'),
        1 => prop::sample::select(vec!['"', '\\', '/', '\x7f', '\u{80}', '\u{7ff}', '\u{800}', '\u{d7ff}',
            '\u{e000}', '\u{fb33}', '\u{ffff}', '\u{10000}', '\u{1f600}', '\u{10ffff}']),
        1 => any::<char>(),
    ]
}

fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(character(), 0..20)
        .prop_map(|characters| characters.into_iter().collect())
}

fn number() -> impl Strategy<Value = Number> {
    prop_oneof![
        (-1000..1000_i64).prop_filter_map("in range", Number::from_i64),
        (-MAX_SAFE_INTEGER..=MAX_SAFE_INTEGER).prop_filter_map("in range", Number::from_i64),
        any::<u64>().prop_filter_map("a number", |bits| Number::from_f64(f64::from_bits(bits))),
        (-1e6..1e6_f64).prop_filter_map("a number", Number::from_f64),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        number().prop_map(Value::Number),
        text().prop_map(Value::String),
    ];
    leaf.prop_recursive(5, 60, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::Array),
            prop::collection::vec((text(), inner), 0..8).prop_map(|members| {
                let mut object = Object::new();
                for (name, value) in members {
                    object.insert(name, value);
                }
                Value::Object(object)
            }),
        ]
    })
}

/// Decisions for [`messy`], used up from the front.
struct Choices<'a>(std::slice::Iter<'a, u8>);

impl Choices<'_> {
    fn next(&mut self, bound: u8) -> u8 {
        self.0.next().map_or(0, |byte| byte % bound)
    }

    fn space(&mut self, out: &mut String) {
        out.push_str(["", "", " ", "\n", "\t ", "  "][usize::from(self.next(6))]);
    }
}

/// Some text of `value`: members in any order, white space, escapes nobody needs, numbers spelt otherwise.
fn messy(value: &Value, choices: &mut Choices<'_>, out: &mut String) {
    choices.space(out);
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Number(number) => match choices.next(4) {
            0 => out.push_str(&format!("{:e}", number.as_f64())),
            1 => out.push_str(&format!("{:.17E}", number.as_f64())),
            2 if number.as_i64().is_some() => out.push_str(&format!("{number}.000")),
            _ => out.push_str(&number.to_string()),
        },
        Value::String(text) => messy_string(text, choices, out),
        Value::Array(items) => {
            out.push('[');
            choices.space(out);
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                messy(item, choices, out);
            }
            out.push(']');
        }
        Value::Object(object) => {
            let mut members: Vec<_> = object.iter().collect();
            for index in (1..members.len()).rev() {
                let other = usize::from(choices.next(255)) % (index + 1);
                members.swap(index, other);
            }
            out.push('{');
            choices.space(out);
            for (index, (name, member)) in members.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                    choices.space(out);
                }
                messy_string(name, choices, out);
                choices.space(out);
                out.push(':');
                messy(member, choices, out);
            }
            out.push('}');
        }
    }
    choices.space(out);
}

fn messy_string(text: &str, choices: &mut Choices<'_>, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        if character < ' ' || character == '"' || character == '\\' || choices.next(4) == 1 {
            for unit in character.encode_utf16(&mut [0; 2]) {
                out.push_str(&if choices.next(2) == 0 {
                    format!("\\u{unit:04x}")
                } else {
                    format!("\\u{unit:04X}")
                });
            }
        } else {
            out.push(character);
        }
    }
    out.push('"');
}

/// The same value for the oracle, without a detour over text.
fn for_oracle(value: &Value) -> serde_json::Value {
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Bool(value) => (*value).into(),
        Value::Number(number) => number
            .as_i64()
            .map_or_else(|| number.as_f64().into(), Into::into),
        Value::String(text) => text.as_str().into(),
        Value::Array(items) => items.iter().map(for_oracle).collect(),
        Value::Object(object) => object
            .iter()
            .map(|(name, value)| (name.to_owned(), for_oracle(value)))
            .collect(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_signed_message_of_any_receipt_is_the_one_made_of_its_object(
        members in prop::collection::vec((text(), value()), 0..6),
        signatures in value(),
    ) {
        let now = quorate_receipt::Timestamp::from_seconds(1_800_000_000).expect("a time");
        let mut object = Object::new().with("signatures", signatures);
        for (name, value) in members {
            object.insert(name, value);
        }
        object.insert("type", "t");
        for member in ["root_hash", "timestamp", "tags"] {
            object.remove(member);
        }
        let receipt = quorate_receipt::Receipt::from_object(&object, now);
        prop_assume!(receipt.is_ok());
        let receipt = receipt.expect("a receipt");
        prop_assert_eq!(receipt.signed_message(), quorate_receipt::signed_message(receipt.object()));
    }

    #[test]
    fn canonical_text_is_what_an_independent_writer_makes(value in value()) {
        let oracle = serde_json_canonicalizer::to_vec(&for_oracle(&value)).expect("written");
        prop_assert_eq!(json::canonical(&value), oracle);
    }

    #[test]
    fn reading_canonical_text_gives_the_value_back_and_writing_it_again_changes_nothing(value in value()) {
        let text = json::canonical(&value);
        prop_assert_eq!(json::parse(&text), Ok(value));
        prop_assert_eq!(json::canonicalize(&text), Ok(text.clone()));
        prop_assert!(json::is_canonical(&text));
    }

    #[test]
    fn any_text_of_a_value_has_the_same_canonical_form(value in value(), choices in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut text = String::new();
        messy(&value, &mut Choices(choices.iter()), &mut text);
        let canonical = json::canonical(&value);
        prop_assert_eq!(json::canonicalize(text.as_bytes()), Ok(canonical.clone()), "{}", text);
        prop_assert_eq!(json::parse(text.as_bytes()), Ok(value));
        prop_assert_eq!(json::is_canonical(text.as_bytes()), text.as_bytes() == canonical);
    }

    /// Damaged text: the two readers agree on everything, errors included, and never accept what an
    /// independent reader refuses; what they refuse beyond it is on the list of this crate's rules.
    #[test]
    fn damaged_text_is_judged_alike_by_both_readers_and_never_laxer_than_by_another(
        value in value(),
        choices in prop::collection::vec(any::<u8>(), 0..100),
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0..4_u8, prop::sample::select(b"\"\\{}[]:,0123456789.eE+-tfn u/\r\n\x00\x7f\x80\xc3\xed\xff".to_vec())), 0..5),
    ) {
        let mut text = String::new();
        messy(&value, &mut Choices(choices.iter()), &mut text);
        let mut bytes = text.into_bytes();
        for (index, kind, byte) in edits {
            let at = index.index(bytes.len());
            match kind {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                2 if bytes.len() > 1 => { bytes.remove(at); }
                _ => {
                    let piece = bytes[at..(at + 9).min(bytes.len())].to_vec();
                    bytes.splice(at..at, piece);
                }
            }
        }
        let read = json::parse(&bytes);
        let canonical = json::canonicalize(&bytes);
        prop_assert_eq!(read.clone().map(|value| json::canonical(&value)), canonical);
        let other = serde_json::from_slice::<serde_json::Value>(&bytes);
        match read {
            Ok(_) => prop_assert!(other.is_ok()),
            Err(error) => prop_assert!(
                other.is_err()
                    || matches!(error.kind, Kind::DuplicateKey(_) | Kind::TooDeep | Kind::IntegerOutOfRange | Kind::CarriageReturn),
                "{}", error
            ),
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        prop_assert_eq!(json::parse(&bytes).map(|value| json::canonical(&value)), json::canonicalize(&bytes));
    }

    /// Sorting through the escaped text and sorting decoded names are the same order.
    #[test]
    fn members_sort_by_utf16_code_units(names in prop::collection::btree_set(text(), 0..12)) {
        let mut names: Vec<_> = names.into_iter().collect();
        let mut object = Object::new();
        for name in &names {
            object.insert(name.clone(), true);
        }
        names.sort_by(|a, b| a.encode_utf16().cmp(b.encode_utf16()));
        prop_assert_eq!(object.iter().map(|(name, _)| name).collect::<Vec<_>>(), names.iter().map(String::as_str).collect::<Vec<_>>());
        let canonical = json::canonical_object(&object);
        names.reverse();
        let reversed: Vec<String> = names.iter().map(|name| format!("{}:true", String::from_utf8(json::canonical(&Value::from(name.as_str()))).expect("UTF-8"))).collect();
        prop_assert_eq!(json::canonicalize(format!("{{{}}}", reversed.join(",")).as_bytes()), Ok(canonical));
    }
}
