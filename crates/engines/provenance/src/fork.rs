//! Portable evidence: what proves that an actor signed two histories of one session (R8).

use quorate_receipt::{Blake3Hash, MAX_RECEIPT_LEN, Receipt, ReceiptError};

use crate::error::Invalid;
use crate::record::{Link, Opening, Record};
use crate::signed::Verified;

/// The parts of evidence between the receipts, in canonical order.
const PARTS: [&str; 4] = [
    "{\"evidence\":\"quorate/session-fork/v1\",\"first\":",
    ",\"opening\":",
    ",\"second\":",
    "}",
];

/// The longest evidence: three receipts, and at most 128 bytes between them.
pub const MAX_FORK_LEN: usize = 3 * MAX_RECEIPT_LEN + 128;

/// Proof that an actor signed two different receipts for one place in one session. It needs nobody's word: whoever
/// knows that the opening's key is the actor's can check it.
///
/// What it does not prove: which of the two came first, or that the actor meant it; a thief of the key can make one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fork {
    verified: Verified<Opening>,
    sequence: u64,
    opening: Receipt,
    first: Receipt,
    second: Receipt,
}

/// Receipts or bytes that prove no fork.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotAFork {
    /// The bytes are not evidence in its one form.
    #[error(
        "expected `{{\"evidence\":\"quorate/session-fork/v1\",\"first\":…,\"opening\":…,\"second\":…}}`"
    )]
    Form,
    /// One of the three is no receipt.
    #[error("not three receipts: {0}")]
    Receipt(#[from] ReceiptError),
    /// One of the three is no record of the session, or is not signed by its key.
    #[error("not three receipts of one session: {0}")]
    Invalid(#[from] Invalid),
    /// Both are the same receipt.
    #[error("both sides are the same receipt")]
    Same,
    /// They stand in different places.
    #[error("the sides have the sequence numbers {first} and {second}")]
    Sequences {
        /// Of the first.
        first: u64,
        /// Of the second.
        second: u64,
    },
    /// The side with the smaller `root_hash` stands first.
    #[error("the sides are not in the order of their `root_hash`")]
    Order,
}

impl Fork {
    /// Checks that both are signed under the opening and have one sequence number, and puts them in order.
    ///
    /// # Errors
    /// [`NotAFork`]: then nothing is proven.
    pub fn of(opening: &Receipt, one: &Receipt, other: &Receipt) -> Result<Self, NotAFork> {
        let verified = match Record::parse(opening).map_err(Invalid::from)? {
            Record::Opened(opening) => opening.verify()?,
            _ => return Err(Invalid::NotAnOpening(opening.type_().into()).into()),
        };
        let (one_link, other_link) = (link(&verified, one)?, link(&verified, other)?);
        if one.root_hash() == other.root_hash() {
            return Err(NotAFork::Same);
        }
        if one_link.sequence != other_link.sequence {
            return Err(NotAFork::Sequences {
                first: one_link.sequence,
                second: other_link.sequence,
            });
        }
        let (first, second) = if one.root_hash() < other.root_hash() {
            (one, other)
        } else {
            (other, one)
        };
        Ok(Self {
            verified,
            sequence: one_link.sequence,
            opening: opening.clone(),
            first: first.clone(),
            second: second.clone(),
        })
    }

    /// Reads evidence and checks it.
    ///
    /// # Errors
    /// [`NotAFork`] if it is anything else than what [`Fork::to_bytes`] makes.
    pub fn parse(bytes: &[u8]) -> Result<Self, NotAFork> {
        if bytes.len() > MAX_FORK_LEN {
            return Err(NotAFork::Form);
        }
        let [first, opening, second] = split(bytes).ok_or(NotAFork::Form)?;
        let first = Receipt::parse_canonical(first)?;
        let opening = Receipt::parse_canonical(opening)?;
        let second = Receipt::parse_canonical(second)?;
        if first.root_hash() > second.root_hash() {
            return Err(NotAFork::Order);
        }
        Self::of(&opening, &first, &second)
    }

    /// The evidence as a file: one line of canonical JSON with the three receipts.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let [begin, opening, second, end] = PARTS;
        [
            begin.as_bytes(),
            self.first.bytes(),
            opening.as_bytes(),
            self.opening.bytes(),
            second.as_bytes(),
            self.second.bytes(),
            end.as_bytes(),
        ]
        .concat()
    }

    /// The opening, which names actor and key.
    #[must_use]
    pub fn opening(&self) -> &Verified<Opening> {
        &self.verified
    }

    /// The session's id.
    #[must_use]
    pub fn session(&self) -> &Blake3Hash {
        self.verified.hash()
    }

    /// The sequence number that both sides have.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The two receipts.
    #[must_use]
    pub fn sides(&self) -> [&Receipt; 2] {
        [&self.first, &self.second]
    }
}

fn link(opening: &Verified<Opening>, side: &Receipt) -> Result<Link, Invalid> {
    match Record::parse(side)? {
        Record::Step(step) => step.verify(opening).map(|step| step.link),
        Record::Closed(closing) => closing.verify(opening).map(|closing| closing.link),
        _ => Err(Invalid::NotAStep(side.type_().into())),
    }
}

/// The three receipts as they stand. They are cut out, not read as one document: a receipt may be as deep as JSON is
/// allowed to be here, and evidence is one level deeper.
fn split(bytes: &[u8]) -> Option<[&[u8]; 3]> {
    let [begin, opening, second, end] = PARTS;
    let rest = bytes.strip_prefix(begin.as_bytes())?;
    let (first, rest) = rest.split_at_checked(object_len(rest)?)?;
    let rest = rest.strip_prefix(opening.as_bytes())?;
    let (middle, rest) = rest.split_at_checked(object_len(rest)?)?;
    let rest = rest.strip_prefix(second.as_bytes())?;
    let (last, rest) = rest.split_at_checked(object_len(rest)?)?;
    (rest == end.as_bytes()).then_some([first, middle, last])
}

/// Where the object that `bytes` begin with ends, by its braces outside strings.
fn object_len(bytes: &[u8]) -> Option<usize> {
    let (mut in_string, mut escaped, mut depth) = (false, false, 0_usize);
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' if !in_string => depth += 1,
            b'}' if !in_string => depth = depth.checked_sub(1)?,
            _ => {}
        }
        if depth == 0 {
            return (*byte == b'}').then_some(at + 1);
        }
    }
    None
}
