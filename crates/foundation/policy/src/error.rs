//! What can be wrong with a policy.

use std::fmt;

use quorate_note::{KeyKind, VerifierKeyError};

use crate::name::{Name, NameError};
use crate::policy::Dialect;

/// A policy file that is not accepted. The file's author is to blame; nothing changed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("policy line {line}, column {column}: {kind}")]
pub struct PolicyError {
    /// Line, counted from 1.
    pub line: usize,
    /// Column in octets, counted from 1: where the offending field or octet begins.
    pub column: usize,
    /// What is wrong there.
    #[source]
    pub kind: PolicyErrorKind,
}

/// The four statements of a policy file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Statement {
    /// `log <key> [<url>]`
    Log,
    /// `witness <name> <key> [<url>]`
    Witness,
    /// `group <name> all|any|<k> <member>...`
    Group,
    /// `quorum <name>`
    Quorum,
}

impl Statement {
    pub(crate) fn usage(self) -> &'static str {
        match self {
            Self::Log => "log <key> [<url>]",
            Self::Witness => "witness <name> <key> [<url>]",
            Self::Group => "group <name> all|any|<k> <member>...",
            Self::Quorum => "quorum <name>",
        }
    }
}

/// What a key is listed as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Role {
    /// It signs checkpoints: types 01 and 06.
    Log,
    /// It co-signs them: types 04 and 06.
    Witness,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Log => "log",
            Self::Witness => "witness",
        })
    }
}

/// What is wrong with a policy: the mistake of whoever wrote it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyErrorKind {
    /// More than [`MAX_POLICY_LEN`](crate::MAX_POLICY_LEN) octets.
    #[error(
        "the file has {len} octets; at most {} are read",
        crate::MAX_POLICY_LEN
    )]
    TooLarge {
        /// Length of the input.
        len: usize,
    },
    /// tlog-policy "Character set": of the control characters only tab and newline are allowed. A
    /// carriage return is one, so a file with CRLF line ends is refused at its first line end.
    #[error("control character 0x{byte:02x}{}", if *byte == b'\r' { " (lines end in LF alone)" } else { "" })]
    ControlCharacter {
        /// The octet.
        byte: u8,
    },
    /// A line that begins with none of the four statements.
    #[error(
        "unknown statement; a line is `log`, `witness`, `group`, `quorum`, empty or a `#` comment"
    )]
    UnknownStatement,
    /// A statement that ends too early.
    #[error("incomplete statement; expected `{}`", statement.usage())]
    MissingField {
        /// The statement.
        statement: Statement,
    },
    /// A statement with more fields than it has.
    #[error("unexpected field; expected `{}`", statement.usage())]
    ExtraField {
        /// The statement.
        statement: Statement,
    },
    /// `#` after a statement. Only whole lines are comments; readers that strip it and readers that do
    /// not would see two policies.
    #[error("comments need a line of their own")]
    TrailingComment,
    /// Neither a vkey (C2SP) nor 64 hexadecimal digits (sigsum).
    #[error("not a key: expected a vkey (`name+id+base64`) or 64 hexadecimal digits")]
    NotAKey,
    /// The vkey or hexadecimal key itself is malformed or unsafe.
    #[error("bad key: {0}")]
    BadKey(#[source] VerifierKeyError),
    /// tlog-policy "Public key representation": the signature type must suit the role.
    #[error("a key of kind {kind:?} cannot be a {role} key")]
    WrongKeyRole {
        /// What the line lists it as.
        role: Role,
        /// What it is.
        kind: KeyKind,
    },
    /// A vkey in a file of hexadecimal keys, or the other way round.
    #[error(
        "{found} key in a file whose first key is a {first} key; one file uses one kind of key"
    )]
    MixedDialects {
        /// How the file's first key is written.
        first: Dialect,
        /// How this one is.
        found: Dialect,
    },
    /// The same public key twice as a log, or twice as a witness, whatever its names and key IDs.
    #[error("this public key is already listed as a {role}")]
    DuplicateKey {
        /// In which role.
        role: Role,
    },
    /// Witnesses and groups share one namespace.
    #[error("the name `{name}` is already defined")]
    DuplicateName {
        /// The name.
        name: Name,
    },
    /// Each name is a member at most once in the whole file, so that each witness counts on one path.
    #[error(
        "`{member}` is already a member of `{group}`; a name can be a member once in the whole file"
    )]
    DuplicateMember {
        /// The repeated member.
        member: Name,
        /// The group that has it already (possibly the same one).
        group: Name,
    },
    /// `none` is predefined: it can stand in a `quorum` line only.
    #[error("`none` is reserved for `quorum none`")]
    ReservedName,
    /// A name that is defined in the file, but not before its use.
    #[error("`{name}` is used before line {defined_on}, which defines it")]
    ForwardReference {
        /// The name.
        name: Name,
        /// The line that defines it, counted from 1; not before the line that uses it.
        defined_on: usize,
    },
    /// A name that nothing defines.
    #[error("`{name}` is not the name of a witness or group")]
    UnknownName {
        /// The name.
        name: Name,
    },
    /// A name or URL that cannot be written in a policy file. Parsed files never give this: there, such
    /// octets end the field.
    #[error("cannot be written in a policy file: {0}")]
    BadName(#[source] NameError),
    /// Neither `all`, `any` nor a decimal without sign and leading zeros.
    #[error("a threshold is `all`, `any` or a decimal number without sign and leading zeros")]
    BadThreshold,
    /// k = 0: a group that nobody has to witness would be a quorum of nobody.
    #[error("the threshold is 0; a group needs at least one of its members")]
    ThresholdZero,
    /// k > n: no set of co-signatures could ever satisfy the group.
    #[error("the threshold {k} exceeds the group's {n} members")]
    ThresholdExceedsMembers {
        /// What the group asks for ([`u64::MAX`] stands for everything from there on).
        k: u64,
        /// How many members it has.
        n: usize,
    },
    /// n = 0.
    #[error("a group needs at least one member")]
    EmptyGroup,
    /// More groups inside one another than [`MAX_GROUP_DEPTH`](crate::MAX_GROUP_DEPTH).
    #[error("groups are nested deeper than {}", crate::MAX_GROUP_DEPTH)]
    TooDeep,
    /// No `quorum` line. There is no default: `quorum none` has to be written.
    #[error("no `quorum` line; write `quorum none` if no co-signature is to be required")]
    MissingQuorum,
    /// A second `quorum` line.
    #[error("a second `quorum` line")]
    RepeatedQuorum,
}
