//! The file beside a policy that labels its witnesses with failure domains:
//!
//! ```toml
//! [witness.aws-use1]
//! operator = "acme"
//! region = "us-east-1"
//! ```

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::label::{DomainKind, Label, LabelError, Labels};
use crate::name::Name;

/// The longest domains file that is read: 1 MiB, as long as the longest policy. A witness with five labels of
/// 30 octets has about 250, so that is room for some 4,000 of them.
pub const MAX_DOMAINS_LEN: usize = 1 << 20;

/// Something in a domains file that is not accepted. The file's author is to blame; nothing changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("domains line {line}, column {column}: {kind}")]
pub struct DomainsError {
    /// Line, counted from 1.
    pub line: usize,
    /// Column in octets, counted from 1.
    pub column: usize,
    /// What is wrong there.
    #[source]
    pub kind: DomainsErrorKind,
}

/// What is wrong in a domains file: the mistake of whoever wrote it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DomainsErrorKind {
    /// More than [`MAX_DOMAINS_LEN`] octets.
    #[error("the file has {len} octets; at most {MAX_DOMAINS_LEN} are read")]
    TooLarge {
        /// Length of the input.
        len: usize,
    },
    /// TOML is UTF-8.
    #[error("not UTF-8")]
    NotUtf8,
    /// Not TOML.
    #[error("not TOML: {message}")]
    Syntax {
        /// What the TOML reader says.
        message: String,
    },
    /// Something else than `witness` at the top.
    #[error("unknown key `{key}`; a domains file has tables `[witness.NAME]` and nothing else")]
    UnknownKey {
        /// The key.
        key: String,
    },
    /// `witness`, or what stands below it, is not a table.
    #[error("`{key}` must be a table: `[witness.NAME]`")]
    NotATable {
        /// The key.
        key: String,
    },
    /// The policy has no witness of that name: a label that is meant for another one would be missing there.
    #[error("the policy has no witness `{name}`")]
    UnknownWitness {
        /// The name.
        name: String,
    },
    /// A kind of domain that is none of the five.
    #[error(
        "unknown kind of domain `{key}`; the kinds are `operator`, `region`, `cloud`, `account`, `key_store`"
    )]
    UnknownKind {
        /// The key.
        key: String,
    },
    /// A label that is not a string.
    #[error("a label is a string in quotes")]
    NotAString,
    /// A label that is not accepted.
    #[error(transparent)]
    Label(#[from] LabelError),
}

type Key<'i> = Spanned<std::borrow::Cow<'i, str>>;

/// Reads a domains file. `is_witness` says which names the policy gives to witnesses.
///
/// Fails closed: one mistake anywhere, and there are no labels, because a label that is lost makes a quorum
/// look weaker, and one that lands elsewhere makes it look stronger, than its author said.
///
/// # Errors
/// Everything that is wrong, in the order of the file; never empty. If it is not TOML, only that.
pub fn read_domains(
    file: &[u8],
    is_witness: impl Fn(&Name) -> bool,
) -> Result<Labels, Vec<DomainsError>> {
    let at = |offset: usize, kind| {
        let before = file.get(..offset).unwrap_or(file);
        let line = before.split(|&b| b == b'\n');
        DomainsError {
            column: line.clone().next_back().map_or(0, <[u8]>::len) + 1,
            line: line.count(),
            kind,
        }
    };
    if file.len() > MAX_DOMAINS_LEN {
        let kind = DomainsErrorKind::TooLarge { len: file.len() };
        return Err(vec![at(0, kind)]);
    }
    let text = std::str::from_utf8(file)
        .map_err(|e| vec![at(e.valid_up_to(), DomainsErrorKind::NotUtf8)])?;
    let (document, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        let error = |e: &toml::de::Error| {
            let message = e.message().replace('\n', "; ");
            let offset = e.span().map_or(0, |span| span.start);
            at(offset, DomainsErrorKind::Syntax { message })
        };
        return Err(errors.iter().map(error).collect());
    }
    let mut reader = Reader {
        labels: Labels::new(),
        wrong: Vec::new(),
        is_witness,
    };
    reader.document(document.get_ref());
    if reader.wrong.is_empty() {
        return Ok(reader.labels);
    }
    // Tables may stand in any order; their mistakes are told in that of the file.
    reader.wrong.sort_by_key(|(offset, _)| *offset);
    let wrong = reader.wrong.into_iter();
    Err(wrong.map(|(offset, kind)| at(offset, kind)).collect())
}

struct Reader<F> {
    labels: Labels,
    wrong: Vec<(usize, DomainsErrorKind)>,
    is_witness: F,
}

impl<F: Fn(&Name) -> bool> Reader<F> {
    fn document(&mut self, document: &DeTable<'_>) {
        for (key, value) in in_order(document) {
            if key.get_ref() != "witness" {
                let name = key.get_ref().to_string();
                self.wrong(key, DomainsErrorKind::UnknownKey { key: name });
            } else if let Some(witnesses) = self.table(key, value) {
                for (name, value) in in_order(witnesses) {
                    if let Some(labels) = self.table(name, value) {
                        self.witness(name, labels);
                    }
                }
            }
        }
    }

    fn witness(&mut self, name: &Key<'_>, labels: &DeTable<'_>) {
        let witness = Name::new(name.get_ref().as_bytes()).ok();
        let Some(witness) = witness.filter(|witness| (self.is_witness)(witness)) else {
            let kind = DomainsErrorKind::UnknownWitness {
                name: name.get_ref().to_string(),
            };
            self.wrong(name, kind);
            return;
        };
        for (key, value) in in_order(labels) {
            let kinds = DomainKind::ALL.into_iter();
            let Some(kind) = kinds.clone().find(|kind| kind.as_str() == key.get_ref()) else {
                let name = key.get_ref().to_string();
                self.wrong(key, DomainsErrorKind::UnknownKind { key: name });
                continue;
            };
            let Some(text) = value.get_ref().as_str() else {
                self.wrong(value, DomainsErrorKind::NotAString);
                continue;
            };
            let label = Label::new(text);
            if let Err(error) =
                label.and_then(|label| self.labels.add(witness.clone(), kind, label))
            {
                self.wrong(value, error.into());
            }
        }
    }

    fn table<'t, 'i>(
        &mut self,
        key: &Key<'_>,
        value: &'t Spanned<DeValue<'i>>,
    ) -> Option<&'t DeTable<'i>> {
        let table = value.get_ref().as_table();
        if table.is_none() {
            let name = key.get_ref().to_string();
            self.wrong(key, DomainsErrorKind::NotATable { key: name });
        }
        table
    }

    fn wrong<T>(&mut self, at: &Spanned<T>, kind: DomainsErrorKind) {
        self.wrong.push((at.span().start, kind));
    }
}

/// The entries of a table as the file has them, not by name.
fn in_order<'t, 'i>(table: &'t DeTable<'i>) -> Vec<(&'t Key<'i>, &'t Spanned<DeValue<'i>>)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}
