//! The `extra` line of a proof whose entry's content was erased.

use quorate_merkle::{Hash, Proof, leaf_hash, verify_inclusion};
use quorate_note::base64;
use quorate_receipt::json::{self, Object, Value};
use quorate_receipt::{Blake3Hash, MAX_RECEIPT_LEN, Receipt, ReceiptError, Sealed, Timestamp};

/// The longest `extra` that is read as an erasure: a receipt, 63 hashes of 44 base64 characters with
/// quotes and comma, and the members around them (`{"erasure":{"index":…,"proof":[…],"receipt":…}}`: 44
/// octets and an index of at most 19).
pub const MAX_ERASURE_LEN: usize = MAX_RECEIPT_LEN + 63 * 47 + 44 + 19;

/// The `type` of the receipt that records an erasure.
const TYPE: &str = "content_erased";

/// What stands in a proof's `extra` when the entry is a receipt with sealed content that was erased:
/// canonical JSON `{"erasure":{"index":N,"proof":["<base64>",…],"receipt":{…}}}`.
///
/// It is a claim until [`verify_entry`](crate::verify_entry) has checked it: "Appications MUST NOT
/// implicitly trust the extra data, as it is not authenticated" (tlog-proof).
#[derive(Debug, Clone, PartialEq)]
pub struct Erasure {
    index: u64,
    proof: Proof,
    receipt: Receipt,
}

/// A proven erasure: the same log holds, under the same checkpoint and after the entry, a receipt that
/// says the entry's sealed content was erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentErased {
    index: u64,
    at: Timestamp,
    commitment: Blake3Hash,
}

impl ContentErased {
    /// Index of the receipt that records the erasure.
    #[must_use]
    pub fn index(&self) -> u64 {
        self.index
    }

    /// When the content was erased, by that receipt's own `timestamp`.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// The commitment to the content that is gone.
    #[must_use]
    pub fn commitment(&self) -> &Blake3Hash {
        &self.commitment
    }
}

/// Why an `extra` proves no erasure of this entry's content. The proof's maker is to blame.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ErasureError {
    /// Not the canonical JSON that [`Erasure::to_extra`] writes.
    #[error("the proof's extra data is not an erasure in canonical form")]
    Malformed,
    /// The receipt in it is not one.
    #[error("the receipt in the proof's extra data is invalid: {0}")]
    Receipt(#[source] ReceiptError),
    /// The entry has no sealed content that could be erased.
    #[error("the proof's extra data claims an erasure, but the entry has no sealed content")]
    NothingSealed,
    /// The receipt is not of type `content_erased`, or is about other content.
    #[error(
        "the receipt in the proof's extra data does not record the erasure of this entry's content"
    )]
    OtherContent,
    /// The erasure is not after the entry.
    #[error("the erasure at index {erasure} is not after the entry at index {entry}")]
    NotAfterEntry {
        /// Index claimed for the erasure.
        erasure: u64,
        /// Index of the entry.
        entry: u64,
    },
    /// The receipt is not in the log at that index.
    #[error("the erasure receipt is not proven included: {0}")]
    NotIncluded(#[source] quorate_merkle::VerifyError),
}

impl Erasure {
    /// Puts together what [`to_extra`](Self::to_extra) writes: the receipt that records the erasure, its
    /// index, and its inclusion proof in the tree of the checkpoint that the proof will carry.
    #[must_use]
    pub fn new(index: u64, proof: Proof, receipt: Receipt) -> Self {
        Self {
            index,
            proof,
            receipt,
        }
    }

    /// The octets for the `extra` line, before base64. `None` if the index has no JSON number
    /// (≥ 2^53), which no log reaches.
    #[must_use]
    pub fn to_extra(&self) -> Option<Vec<u8>> {
        let hashes: Vec<String> = self
            .proof
            .hashes()
            .iter()
            .map(|hash| base64::encode(hash.as_bytes()))
            .collect();
        let erasure = Object::new()
            .with("index", Value::try_from(self.index).ok()?)
            .with("proof", hashes)
            .with("receipt", self.receipt.object().clone());
        Some(json::canonical_object(
            &Object::new().with("erasure", erasure),
        ))
    }

    /// Whether an `extra` means to be an erasure, well-formed or not: a JSON object with that member.
    pub(crate) fn claims(extra: &[u8]) -> bool {
        let value = if extra.len() > MAX_ERASURE_LEN {
            None
        } else {
            json::parse(extra).ok()
        };
        value
            .as_ref()
            .and_then(Value::as_object)
            .is_some_and(|object| object.get("erasure").is_some())
    }

    pub(crate) fn parse(extra: &[u8]) -> Result<Self, ErasureError> {
        if extra.len() > MAX_ERASURE_LEN || !json::is_canonical(extra) {
            return Err(ErasureError::Malformed);
        }
        let value = json::parse(extra).map_err(|_| ErasureError::Malformed)?;
        let (index, proof, receipt) = members(&value).ok_or(ErasureError::Malformed)?;
        // Part of a canonical text is canonical, so these are the octets of the leaf.
        let receipt =
            Receipt::parse_canonical(&json::canonical(receipt)).map_err(ErasureError::Receipt)?;
        Ok(Self {
            index,
            proof,
            receipt,
        })
    }

    pub(crate) fn verify(
        self,
        entry: u64,
        sealed: Option<&Sealed>,
        size: u64,
        root: &Hash,
    ) -> Result<ContentErased, ErasureError> {
        let sealed = sealed.ok_or(ErasureError::NothingSealed)?;
        let commitment = self
            .receipt
            .get("commitment")
            .and_then(Value::as_str)
            .and_then(|text| text.parse().ok());
        if self.receipt.type_() != TYPE || commitment != Some(sealed.commitment) {
            return Err(ErasureError::OtherContent);
        }
        if self.index <= entry {
            return Err(ErasureError::NotAfterEntry {
                erasure: self.index,
                entry,
            });
        }
        let leaf = leaf_hash(self.receipt.bytes());
        verify_inclusion(self.index, &leaf, size, root, &self.proof)
            .map_err(ErasureError::NotIncluded)?;
        Ok(ContentErased {
            index: self.index,
            at: self.receipt.timestamp(),
            commitment: sealed.commitment,
        })
    }
}

/// Exactly the members that [`Erasure::to_extra`] writes.
fn members(value: &Value) -> Option<(u64, Proof, &Value)> {
    let outer = value.as_object().filter(|object| object.len() == 1)?;
    let erasure = outer
        .get("erasure")?
        .as_object()
        .filter(|object| object.len() == 3)?;
    let index = erasure.get("index")?.as_u64()?;
    let hashes = erasure
        .get("proof")?
        .as_array()?
        .iter()
        .map(|hash| {
            let octets = base64::decode(hash.as_str()?.as_bytes()).ok()?;
            Some(Hash::from_bytes(octets.try_into().ok()?))
        })
        .collect::<Option<Vec<Hash>>>()?;
    Some((
        index,
        Proof::try_from(hashes).ok()?,
        erasure.get("receipt")?,
    ))
}
