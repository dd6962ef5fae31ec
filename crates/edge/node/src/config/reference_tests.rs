//! The reference holds what the configuration reads, and nothing else.

use std::collections::BTreeSet;

use serde::de::{DeserializeOwned, Visitor};
use serde::{Deserializer, forward_to_deserialize_any};

use super::reference::is_variable;
use super::witness::{LogFile, WitnessFile};
use super::*;

/// A deserializer that has nothing, and notes which fields it is asked for.
struct Fields<'f>(&'f mut &'static [&'static str]);

impl<'de> Deserializer<'de> for Fields<'_> {
    type Error = serde::de::value::Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        *self.0 = fields;
        self.deserialize_any(visitor)
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

fn fields<T: DeserializeOwned>(table: &str) -> Vec<String> {
    let mut names: &[&str] = &[];
    assert!(T::deserialize(Fields(&mut names)).is_err());
    assert!(!names.is_empty());
    names.iter().map(|name| format!("{table}{name}")).collect()
}

#[test]
fn r3_every_key_that_is_read_is_in_the_reference_and_every_key_there_is_read() {
    let read = [
        fields::<File>(""),
        fields::<FollowSpec>("follow."),
        fields::<FlowFile>("flow."),
        fields::<WitnessFile>("witness."),
        fields::<LogFile>("witness.logs."),
    ];
    let read: BTreeSet<String> = read.into_iter().flatten().collect();
    let told: BTreeSet<String> = CONFIG_KEYS.iter().map(|key| key.name.to_owned()).collect();
    assert_eq!(read, told);
    assert_eq!(told.len(), CONFIG_KEYS.len(), "a key stands there twice");
}

fn load(text: &str, environment: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("q.toml");
    std::fs::write(&file, text).unwrap();
    let environment = environment.iter().chain(&[("HOME", "/h")]);
    let environment: Vec<(String, String)> = environment
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    Config::load_from(Some(&file), environment.into_iter(), Overrides::default())
}

/// The example without what it is an example of.
fn without(key: &ConfigKey) -> String {
    let last = key.name.rsplit('.').next().unwrap();
    let (table, tables) = (format!("[{}]", key.name), format!("[[{}]]", key.name));
    let lines = key.example.lines();
    let lines = lines.take_while(|line| *line != table && *line != tables);
    let lines = lines.filter(|line| !line.starts_with(&format!("{last} = ")));
    lines.map(|line| format!("{line}\n")).collect()
}

#[test]
fn every_example_of_the_reference_sets_its_key() {
    for key in CONFIG_KEYS {
        let with = load(key.example, &[]);
        assert!(with.is_ok(), "{}: {with:?}", key.name);
        let without = without(key);
        assert_ne!(without.trim_end(), key.example, "{}", key.name);
        let unset = load(&without, &[]);
        assert!(unset.is_err() || unset.ok() != with.ok(), "{}", key.name);
    }
}

#[test]
fn what_the_reference_says_is_refused_is_refused_for_that_reason() {
    for key in CONFIG_KEYS {
        assert!(!key.refused.is_empty(), "{}", key.name);
        for (text, says) in key.refused {
            let error = load(text, &[]).unwrap_err().to_string();
            assert!(error.contains(says), "{}: {text}: {error}", key.name);
        }
        assert!(!key.wrong.is_empty() && !key.what.is_empty() && !key.default.is_empty());
    }
}

#[test]
fn the_defaults_of_the_reference_are_those_of_an_empty_file() {
    let told = |name| {
        CONFIG_KEYS
            .iter()
            .find(|key| key.name == name)
            .unwrap()
            .default
    };
    let empty = load("", &[]).unwrap();
    assert!(told("listen").starts_with(DEFAULT_LISTEN));
    assert_eq!(empty.listen, DEFAULT_LISTEN.parse().ok());
    assert_eq!(
        told("checkpoint_interval_ms"),
        empty.checkpoint_interval.as_millis().to_string()
    );
    assert_eq!(
        told("more_cosignatures_ms"),
        empty.extras.as_millis().to_string()
    );
    for (key, wait) in [
        ("longest_checkpoint_wait_ms", empty.longest_checkpoint_wait),
        ("longest_quorum_wait_ms", empty.longest_quorum_wait),
    ] {
        assert_eq!(told(key), wait.as_millis().to_string());
    }
    assert_eq!(
        told("verify_kib_per_second"),
        empty.verify_kib_per_second.to_string()
    );
    assert!(told("data_dir").ends_with("~/.local/share/quorate"));
    assert_eq!(empty.data_dir, Path::new("/h/.local/share/quorate"));
    assert!(empty.policy.is_none() && empty.witness.is_none() && empty.origin_prefix.is_none());
    assert!(empty.hosts.is_empty() && empty.follow.is_empty());
    let written = |key: &&ConfigKey| key.default == "has to be given";
    let required: Vec<&str> = CONFIG_KEYS
        .iter()
        .filter(written)
        .map(|key| key.name)
        .collect();
    assert_eq!(
        required,
        [
            "follow.file",
            "follow.scroll",
            "flow.kind",
            "witness.name",
            "witness.logs.vkey"
        ]
    );
}

#[test]
fn every_variable_of_the_reference_is_stronger_than_the_file_and_no_other_is_read() {
    let seed = "51".repeat(32);
    for (name, value, key) in [
        ("QUORATE_DATA_DIR", "/other", "data_dir"),
        ("QUORATE_LISTEN", "127.0.0.1:9", "listen"),
        ("QUORATE_ORIGIN_PREFIX", "other.example", "origin_prefix"),
        (
            "QUORATE_CHECKPOINT_INTERVAL_MS",
            "9",
            "checkpoint_interval_ms",
        ),
        ("QUORATE_POLICY", "/other", "policy"),
        ("QUORATE_WITNESS_SEED_HEX", &seed, "witness.seed_files"),
        (
            "QUORATE_WITNESS_ML_DSA_SEED_HEX",
            &seed,
            "witness.ml_dsa_seed_files",
        ),
    ] {
        let told = CONFIG_KEYS.iter().find(|k| k.name == key).unwrap();
        assert_eq!(told.variable, Some(name));
        let (file, both) = (
            load(told.example, &[]).unwrap(),
            load(told.example, &[(name, value)]).unwrap(),
        );
        assert_ne!(file, both, "{name}");
    }
    let told = CONFIG_KEYS.iter().filter(|key| key.variable.is_some());
    assert_eq!(told.count(), 7, "a variable is not in the list above");
    for variable in CONFIG_VARIABLES {
        assert!(
            load("", &[(variable.name, "x")]).is_ok(),
            "{}",
            variable.name
        );
        assert!(is_variable(variable.name));
    }
    assert!(!is_variable("QUORATE_OTHER") && load("", &[("QUORATE_OTHER", "x")]).is_err());
}

#[test]
fn the_address_of_a_witness_is_the_flags_then_the_files_then_that_of_its_command() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("q.toml");
    let listen = |text: &str, flag: Option<&str>| {
        std::fs::write(&path, text).unwrap();
        let overrides = Overrides {
            witness: Some(WitnessOverrides {
                name: Some("w.example".to_owned()),
                listen: flag.map(|f| f.parse().unwrap()),
                default_listen: "0.0.0.0:8443".parse().ok(),
                ..WitnessOverrides::default()
            }),
            ..Overrides::default()
        };
        let home = [("HOME".to_owned(), "/h".to_owned())].into_iter();
        let config = Config::load_from(Some(&path), home, overrides).unwrap();
        config.witness.unwrap().listen.unwrap().port()
    };
    let file = "[witness]\nlisten = \"127.0.0.1:1\"\n";
    assert_eq!(listen(file, Some("127.0.0.1:2")), 2);
    assert_eq!(listen(file, None), 1);
    assert_eq!(listen("", None), 8443);
}
