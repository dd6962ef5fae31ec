//! What a signature over a receipt covers (rule R5).

use crate::json::{self, Object};

/// The members that no signature covers: the signatures themselves, and the hash that covers them.
pub const UNSIGNED_MEMBERS: [&str; 2] = ["signatures", "root_hash"];

/// The message that a signature over this receipt is made of: `quorate/v1/`, the receipt's type, a zero byte,
/// and the canonical object without `signatures` and `root_hash`.
///
/// Types contain no control characters, so the zero byte ends the type and messages of two types never meet.
/// Build `object` from typed values; never sign an object that somebody else composed.
#[must_use]
pub fn signed_message(object: &Object) -> Vec<u8> {
    let mut object = object.clone();
    for member in UNSIGNED_MEMBERS {
        object.remove(member);
    }
    let mut message = b"quorate/v1/".to_vec();
    message.extend_from_slice(object.get_str("type").unwrap_or_default().as_bytes());
    message.push(0);
    message.extend_from_slice(&json::canonical_object(&object));
    message
}
