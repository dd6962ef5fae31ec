//! The line grammar, shared by both dialects.

use std::collections::BTreeMap;
use std::str::FromStr;

use quorate_note::{LogKey, VerifierKey, WitnessKey};

use crate::builder::{Part, Placed, PolicyBuilder};
use crate::error::{PolicyError, PolicyErrorKind, Role, Statement};
use crate::name::{Name, NameError, Url};
use crate::policy::{Dialect, Policy, Threshold};

/// The longest policy file that is read: 1 MiB. A witness line with an ML-DSA-44 vkey has about 1.9 kB,
/// so that is room for some 500 of them; the spec asks for 32 ("Implementation limits").
pub const MAX_POLICY_LEN: usize = 1 << 20;

/// Length of an Ed25519 key in hexadecimal.
const HEX_KEY_LEN: usize = 64;

/// One field of a line and where it begins (octets from 0).
#[derive(Clone, Copy)]
struct Field<'a> {
    at: usize,
    octets: &'a [u8],
}

/// "the items on each line are separated by 'whitespace', which in this specification means sequences of
/// ASCII space and tab characters *only*."
fn fields(line: &[u8]) -> Vec<Field<'_>> {
    let mut at = 0;
    line.split(|&b| b == b' ' || b == b'\t')
        .map(|octets| {
            let field = Field { at, octets };
            at += octets.len() + 1;
            field
        })
        .filter(|field| !field.octets.is_empty())
        .collect()
}

fn lines(file: &[u8]) -> impl Iterator<Item = &[u8]> {
    // A missing final newline is tolerated; a present one does not begin another line.
    let file = file.strip_suffix(b"\n").unwrap_or(file);
    file.split(|&b| b == b'\n')
}

/// Which line (from 1) defines which name first: to tell a name that is defined too late from one that is
/// not defined at all.
fn definitions(file: &[u8]) -> BTreeMap<&[u8], usize> {
    let mut found = BTreeMap::new();
    for (index, line) in lines(file).enumerate() {
        if let [keyword, defined, ..] = fields(line).as_slice()
            && matches!(keyword.octets, b"witness" | b"group")
        {
            found.entry(defined.octets).or_insert(index + 1);
        }
    }
    found
}

/// Where something stands in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Line, counted from 1.
    pub line: usize,
    /// Column in octets, counted from 1.
    pub column: usize,
}

/// A policy file read to its end, for whoever mends it: every line that is refused, and the policy if none
/// is. [`Policy::parse`] is for whoever uses it.
#[derive(Debug, Clone)]
pub struct Reading {
    policy: Option<Policy>,
    problems: Vec<PolicyError>,
    witnesses: BTreeMap<Name, Place>,
    groups: BTreeMap<Name, Place>,
}

impl Reading {
    /// The policy, if there is no problem.
    #[must_use]
    pub fn policy(&self) -> Option<&Policy> {
        self.policy.as_ref()
    }

    /// Every refused line, in the order of the file: what is wrong first in each. A line that uses the name
    /// of a refused line is not a problem of its own.
    #[must_use]
    pub fn problems(&self) -> &[PolicyError] {
        &self.problems
    }

    /// Where a `witness` line, refused or not, gives this name.
    #[must_use]
    pub fn witness(&self, name: &Name) -> Option<Place> {
        self.witnesses.get(name).copied()
    }

    /// Where a `group` line, refused or not, gives this name.
    #[must_use]
    pub fn group(&self, name: &Name) -> Option<Place> {
        self.groups.get(name).copied()
    }

    /// Reads until so many problems are found.
    fn until(file: &[u8], most: usize) -> Self {
        let mut reading = Self {
            policy: None,
            problems: Vec::new(),
            witnesses: BTreeMap::new(),
            groups: BTreeMap::new(),
        };
        if file.len() > MAX_POLICY_LEN {
            let kind = PolicyErrorKind::TooLarge { len: file.len() };
            reading.problem(1, 0, kind);
            return reading;
        }
        let mut builder = PolicyBuilder::new();
        let mut defined = None;
        let mut last_line = 1;
        for (index, line) in lines(file).enumerate() {
            last_line = index + 1;
            let fields = fields(line);
            reading.place(last_line, &fields);
            if let Err((at, kind)) = read_line(&mut builder, line, &fields) {
                let kind = match kind {
                    PolicyErrorKind::UnknownName { name } => {
                        let defined = defined.get_or_insert_with(|| definitions(file));
                        match defined.get(name.as_bytes()) {
                            Some(&defined_on) => {
                                PolicyErrorKind::ForwardReference { name, defined_on }
                            }
                            None => PolicyErrorKind::UnknownName { name },
                        }
                    }
                    other => other,
                };
                reading.problem(last_line, at, kind);
                if reading.problems.len() >= most {
                    return reading;
                }
                suppose(&mut builder, &fields);
            }
        }
        match builder.build() {
            Ok(policy) if reading.problems.is_empty() => reading.policy = Some(policy),
            Ok(_) => {}
            Err(kind) => reading.problem(last_line, 0, kind),
        }
        reading
    }

    fn problem(&mut self, line: usize, at: usize, kind: PolicyErrorKind) {
        let column = at + 1;
        self.problems.push(PolicyError { line, column, kind });
    }

    fn place(&mut self, line: usize, fields: &[Field<'_>]) {
        let [keyword, name, ..] = fields else { return };
        let names = match keyword.octets {
            b"witness" => &mut self.witnesses,
            b"group" => &mut self.groups,
            _ => return,
        };
        if let Ok(defined) = Name::new(name.octets) {
            let column = name.at + 1;
            names.entry(defined).or_insert(Place { line, column });
        }
    }
}

/// Takes what a refused line would have defined as defined, so that the lines below it are judged by their
/// own mistakes.
fn suppose(builder: &mut PolicyBuilder, fields: &[Field<'_>]) {
    match fields {
        [keyword, name, ..] if matches!(keyword.octets, b"witness" | b"group") => {
            if let Ok(name) = Name::new(name.octets) {
                builder.suppose_name(name);
            }
        }
        [keyword, ..] if keyword.octets == b"quorum" => builder.suppose_quorum(),
        _ => {}
    }
}

impl Policy {
    /// Reads a policy file in either grammar. Which one is decided by the first key; the other kind of
    /// key is refused from there on.
    ///
    /// Accepts LF line ends only; the last line may lack its own. At most [`MAX_POLICY_LEN`] octets.
    ///
    /// # Errors
    /// [`PolicyError`] for the first violation in the order of the file, with line and column.
    pub fn parse(file: &[u8]) -> Result<Self, PolicyError> {
        let Reading {
            policy, problems, ..
        } = Reading::until(file, 1);
        match (policy, problems.into_iter().next()) {
            (Some(policy), None) => Ok(policy),
            (_, Some(problem)) => Err(problem),
            // A reading has a policy or a problem; without either there is nothing to trust.
            (None, None) => Err(PolicyError {
                line: 1,
                column: 1,
                kind: PolicyErrorKind::MissingQuorum,
            }),
        }
    }

    /// Reads a policy file to its end and tells every line that [`parse`](Self::parse) would refuse.
    #[must_use]
    pub fn read(file: &[u8]) -> Reading {
        Reading::until(file, usize::MAX)
    }
}

impl FromStr for Policy {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<Self, PolicyError> {
        Self::parse(text.as_bytes())
    }
}

type AtOctet = (usize, PolicyErrorKind);

fn read_line(
    builder: &mut PolicyBuilder,
    line: &[u8],
    fields: &[Field<'_>],
) -> Result<(), AtOctet> {
    // "the allowed octet values are 0x09 (tab), 0x0A (newline), 0x20-0x7E, and 0x80-0xFF", comments
    // included.
    let allowed = |&b: &u8| matches!(b, b'\t' | 0x20..=0x7e | 0x80..=0xff);
    if let Some(at) = line.iter().position(|b| !allowed(b)) {
        return Err((at, PolicyErrorKind::ControlCharacter { byte: line[at] }));
    }
    match fields.split_first() {
        Some((&keyword, args)) if !keyword.octets.starts_with(b"#") => {
            statement(builder, keyword, args)
        }
        _ => Ok(()),
    }
}

fn statement(
    builder: &mut PolicyBuilder,
    keyword: Field<'_>,
    args: &[Field<'_>],
) -> Result<(), AtOctet> {
    let statement = match keyword.octets {
        b"log" => Statement::Log,
        b"witness" => Statement::Witness,
        b"group" => Statement::Group,
        b"quorum" => Statement::Quorum,
        _ => return Err((keyword.at, PolicyErrorKind::UnknownStatement)),
    };
    let missing = || (keyword.at, PolicyErrorKind::MissingField { statement });
    // Maps the part of the statement that the builder objects to onto the field it came from.
    let placed = |(part, kind): Placed| {
        let position = match (part, statement) {
            (Part::Keyword, _) => return (keyword.at, kind),
            (Part::Key, Statement::Log) | (Part::Name, _) => 0,
            (Part::Key | Part::Threshold, _) => 1,
            (Part::Member(position), _) => 2 + position,
        };
        (
            args.get(position).map_or(keyword.at, |field| field.at),
            kind,
        )
    };
    match statement {
        Statement::Log => {
            let [key, rest @ ..] = args else {
                return Err(missing());
            };
            let url = url(statement, rest)?;
            let key = match key_text(*key)? {
                KeyText::Hex(bytes) => LogKey::from_raw_ed25519(bytes)
                    .map_err(|error| (key.at, PolicyErrorKind::BadKey(error)))?,
                KeyText::Vkey(vkey) => {
                    let (role, kind) = (Role::Log, vkey.kind());
                    LogKey::try_from(vkey)
                        .map_err(|_| (key.at, PolicyErrorKind::WrongKeyRole { role, kind }))?
                }
            };
            builder.place_log(key, url).map_err(placed)
        }
        Statement::Witness => {
            let [name, key, rest @ ..] = args else {
                return Err(missing());
            };
            let url = url(statement, rest)?;
            let name = to_name(*name)?;
            let key = match key_text(*key)? {
                KeyText::Hex(bytes) => WitnessKey::from_raw_ed25519(bytes)
                    .map_err(|error| (key.at, PolicyErrorKind::BadKey(error)))?,
                KeyText::Vkey(vkey) => {
                    let (role, kind) = (Role::Witness, vkey.kind());
                    WitnessKey::try_from(vkey)
                        .map_err(|_| (key.at, PolicyErrorKind::WrongKeyRole { role, kind }))?
                }
            };
            builder.place_witness(name, key, url).map_err(placed)
        }
        Statement::Group => {
            let [name, k, members @ ..] = args else {
                return Err(missing());
            };
            let name = to_name(*name)?;
            let threshold = threshold(*k, members.len())?;
            let members = members
                .iter()
                .map(|&member| to_name(member))
                .collect::<Result<Vec<_>, _>>()?;
            builder
                .place_group(name, threshold, &members)
                .map_err(placed)
        }
        Statement::Quorum => {
            let [name, rest @ ..] = args else {
                return Err(missing());
            };
            no_more(statement, rest)?;
            builder.place_quorum(&to_name(*name)?).map_err(placed)
        }
    }
}

fn no_more(statement: Statement, rest: &[Field<'_>]) -> Result<(), AtOctet> {
    match rest.first() {
        None => Ok(()),
        Some(field) if field.octets.starts_with(b"#") => {
            Err((field.at, PolicyErrorKind::TrailingComment))
        }
        Some(field) => Err((field.at, PolicyErrorKind::ExtraField { statement })),
    }
}

fn url(statement: Statement, rest: &[Field<'_>]) -> Result<Option<Url>, AtOctet> {
    let Some((url, rest)) = rest.split_first() else {
        return Ok(None);
    };
    let parsed = Url::new(url.octets).map_err(|error| {
        let kind = match error {
            NameError::Comment => PolicyErrorKind::TrailingComment,
            other => PolicyErrorKind::BadName(other),
        };
        (url.at, kind)
    })?;
    no_more(statement, rest)?;
    Ok(Some(parsed))
}

fn to_name(field: Field<'_>) -> Result<Name, AtOctet> {
    Name::new(field.octets).map_err(|error| (field.at, PolicyErrorKind::BadName(error)))
}

/// "If k is given numerically, it must be written in decimal": digits only, no leading zero, so that `02`
/// and `+2` do not mean one thing to one reader and another to the next.
fn threshold(field: Field<'_>, members: usize) -> Result<Threshold, AtOctet> {
    let digits = match field.octets {
        b"any" => return Ok(Threshold::Any),
        b"all" => return Ok(Threshold::All),
        b"0" => return Err((field.at, PolicyErrorKind::ThresholdZero)),
        [b'1'..=b'9', rest @ ..] if rest.iter().all(u8::is_ascii_digit) => field.octets,
        _ => return Err((field.at, PolicyErrorKind::BadThreshold)),
    };
    let k = digits.iter().fold(0_u64, |k, digit| {
        k.saturating_mul(10).saturating_add(u64::from(digit - b'0'))
    });
    // What does not even fit a machine word exceeds any number of members.
    usize::try_from(k).map(Threshold::AtLeast).map_err(|_| {
        (
            field.at,
            PolicyErrorKind::ThresholdExceedsMembers { k, n: members },
        )
    })
}

enum KeyText {
    Vkey(VerifierKey),
    Hex([u8; 32]),
}

fn key_text(field: Field<'_>) -> Result<KeyText, AtOctet> {
    let Field { at, octets } = field;
    if dialect(octets) == Some(Dialect::Sigsum) {
        // sigsum: "Public keys are written in raw hex representation, case insensitive."
        let mut bytes = [0; 32];
        return match base16ct::mixed::decode(octets, &mut bytes) {
            Ok(_) => Ok(KeyText::Hex(bytes)),
            Err(_) => Err((at, PolicyErrorKind::NotAKey)),
        };
    }
    if dialect(octets).is_none() {
        return Err((at, PolicyErrorKind::NotAKey));
    }
    let text = std::str::from_utf8(octets).map_err(|_| (at, PolicyErrorKind::NotAKey))?;
    let vkey = text
        .parse()
        .map_err(|error| (at, PolicyErrorKind::BadKey(error)))?;
    Ok(KeyText::Vkey(vkey))
}

/// A vkey has at least two `+`; a hexadecimal key has none.
fn dialect(octets: &[u8]) -> Option<Dialect> {
    if octets.contains(&b'+') {
        Some(Dialect::C2sp)
    } else if octets.len() == HEX_KEY_LEN && octets.iter().all(u8::is_ascii_hexdigit) {
        Some(Dialect::Sigsum)
    } else {
        None
    }
}
