//! The file beside a policy that labels its witnesses with failure domains:
//!
//! ```toml
//! accept_single = ["operator"]
//!
//! [witness.aws-use1]
//! operator = "acme"
//! region = "us-east-1"
//! ```

use std::collections::BTreeSet;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::label::{DomainKind, Label, LabelError, Labels};
use crate::name::Name;

/// The longest domains file that is read: 1 MiB, as long as the longest policy. A witness with five labels of
/// 30 octets has about 250, so that is room for some 4,000 of them.
pub const MAX_DOMAINS_LEN: usize = 1 << 20;

/// The key for the kinds of which one domain may be enough.
const ACCEPT_SINGLE: &str = "accept_single";

/// What a domains file says. The default is what no file says: nothing is known, nothing accepted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Domains {
    labels: Labels,
    /// Not all five.
    accepted: BTreeSet<DomainKind>,
}

impl Domains {
    /// The labels of the witnesses.
    #[must_use]
    pub fn labels(&self) -> &Labels {
        &self.labels
    }

    /// Whether its author knows and accepts that one domain of this kind is enough to forge a quorum, as one
    /// operator is where all witnesses are their own.
    #[must_use]
    pub fn accepts_single(&self, kind: DomainKind) -> bool {
        self.accepted.contains(&kind)
    }
}

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
    /// Something else than `accept_single` and `witness` at the top.
    #[error(
        "unknown key `{key}`; a domains file has `{ACCEPT_SINGLE}` and tables `[witness.NAME]`, and nothing else"
    )]
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
    /// `accept_single`, or something in it, is not what it must be.
    #[error("`{ACCEPT_SINGLE}` is a list of kinds of domain in quotes, as in `[\"operator\"]`")]
    NotKinds,
    /// A kind stands in `accept_single` a second time.
    #[error("`{ACCEPT_SINGLE}` has `{kind}` already")]
    AcceptedTwice {
        /// The kind.
        kind: DomainKind,
    },
    /// `accept_single` has all kinds: nothing would be left that the policy protects against.
    #[error(
        "`{ACCEPT_SINGLE}` has all five kinds; then the policy protects against nothing. Leave one out"
    )]
    AllAccepted,
    /// `accept_single` in the table of a witness, where TOML puts what stands below it.
    #[error("`{ACCEPT_SINGLE}` must stand above the first table `[witness.NAME]`")]
    AcceptedBelow,
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
/// Fails closed: one mistake anywhere, and nothing of the file counts, because a label that is lost makes a
/// quorum look weaker, and one that lands elsewhere makes it look stronger, than its author said.
///
/// # Errors
/// Everything that is wrong, in the order of the file; never empty. If it is not TOML, only that.
pub fn read_domains(
    file: &[u8],
    is_witness: impl Fn(&Name) -> bool,
) -> Result<Domains, Vec<DomainsError>> {
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
        domains: Domains::default(),
        wrong: Vec::new(),
        is_witness,
    };
    reader.document(document.get_ref());
    if reader.wrong.is_empty() {
        return Ok(reader.domains);
    }
    // Tables may stand in any order; their mistakes are told in that of the file.
    reader.wrong.sort_by_key(|(offset, _)| *offset);
    let wrong = reader.wrong.into_iter();
    Err(wrong.map(|(offset, kind)| at(offset, kind)).collect())
}

struct Reader<F> {
    domains: Domains,
    wrong: Vec<(usize, DomainsErrorKind)>,
    is_witness: F,
}

impl<F: Fn(&Name) -> bool> Reader<F> {
    fn document(&mut self, document: &DeTable<'_>) {
        for (key, value) in in_order(document) {
            match key.get_ref().as_ref() {
                ACCEPT_SINGLE => self.accept_single(key, value),
                "witness" => self.witnesses(key, value),
                other => {
                    let name = other.to_owned();
                    self.wrong(key, DomainsErrorKind::UnknownKey { key: name });
                }
            }
        }
    }

    fn accept_single(&mut self, key: &Key<'_>, value: &Spanned<DeValue<'_>>) {
        let Some(kinds) = value.get_ref().as_array() else {
            self.wrong(value, DomainsErrorKind::NotKinds);
            return;
        };
        for value in kinds.iter() {
            let Some(word) = value.get_ref().as_str() else {
                self.wrong(value, DomainsErrorKind::NotKinds);
                continue;
            };
            match self.kind(value, word) {
                Some(kind) if !self.domains.accepted.insert(kind) => {
                    self.wrong(value, DomainsErrorKind::AcceptedTwice { kind });
                }
                _ => {}
            }
        }
        if self.domains.accepted.len() == DomainKind::ALL.len() {
            self.wrong(key, DomainsErrorKind::AllAccepted);
        }
    }

    fn witnesses(&mut self, key: &Key<'_>, value: &Spanned<DeValue<'_>>) {
        let Some(witnesses) = self.table(key, value) else {
            return;
        };
        for (name, value) in in_order(witnesses) {
            if let Some(labels) = self.table(name, value) {
                self.witness(name, labels);
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
            if key.get_ref() == ACCEPT_SINGLE {
                self.wrong(key, DomainsErrorKind::AcceptedBelow);
                continue;
            }
            let Some(kind) = self.kind(key, key.get_ref()) else {
                continue;
            };
            let Some(text) = value.get_ref().as_str() else {
                self.wrong(value, DomainsErrorKind::NotAString);
                continue;
            };
            let label = Label::new(text);
            if let Err(error) =
                label.and_then(|label| self.domains.labels.add(witness.clone(), kind, label))
            {
                self.wrong(value, error.into());
            }
        }
    }

    /// The kind of that name, which stands at this place.
    fn kind<T>(&mut self, at: &Spanned<T>, word: &str) -> Option<DomainKind> {
        let mut kinds = DomainKind::ALL.into_iter();
        let kind = kinds.find(|kind| kind.as_str() == word);
        if kind.is_none() {
            let key = word.to_owned();
            self.wrong(at, DomainsErrorKind::UnknownKind { key });
        }
        kind
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
