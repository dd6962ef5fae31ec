//! Every size that a peer can choose, and why all of it fits into receipts.
//!
//! A receipt is at most 65,535 bytes ([`quorate_receipt::MAX_RECEIPT_LEN`]), and each message is recorded whole in one.
//! An agreement is two sets of keys, the terms, and less than 4,096 for names, ids, hashes and signatures: 2 ×
//! 22,528 + 6,144 + 4,096 = 55,296. An acceptance carries an agreement: 55,296 + 4,096 = 59,392. The receipt around a
//! message adds its type, time, tags and hash, less than 1,024 bytes: 59,392 + 1,024 < 65,535.

/// Names, ids, hashes and signatures around an agreement's terms and keys, and a response's around an agreement.
const REST: usize = 4096;

/// The longest keys of one party (`keys`), in bytes of canonical JSON.
pub const MAX_PARTY_KEYS_LEN: usize = 22_528;
/// The longest terms, in bytes of canonical JSON.
pub const MAX_TERMS_LEN: usize = 6144;
/// The longest agreement, in bytes of canonical JSON.
pub const MAX_AGREEMENT_LEN: usize = 2 * MAX_PARTY_KEYS_LEN + MAX_TERMS_LEN + REST;
/// The longest response, in bytes of canonical JSON.
pub const MAX_RESPONSE_LEN: usize = MAX_AGREEMENT_LEN + REST;
/// The longest proposal without its lineage, in bytes of canonical JSON: terms, keys, attestations of the proposer
/// (two proofs of 4,096 and 32 credentials of 64 bytes, twice that where each byte needs an escape), and the rest.
pub const MAX_PROPOSAL_LEN: usize =
    MAX_PARTY_KEYS_LEN + MAX_TERMS_LEN + 2 * (2 * MAX_PROOF_LEN + MAX_CREDENTIALS * 67) + REST;
/// The longest notice, in bytes of canonical JSON.
pub const MAX_NOTICE_LEN: usize = REST;
/// The longest discovery record without its lineage, in bytes of canonical JSON: 64 scroll names, 32 attestations of
/// less than 1,024 bytes, two URLs, and the rest.
pub const MAX_DISCOVERY_LEN: usize = 48 * 1024;

/// The most events of a lineage that comes with a message.
pub const MAX_LINEAGE_EVENTS: usize = 256;
/// The longest lineage that comes with a message, in bytes of canonical JSON: 256 events of about 3 KiB, which is an
/// event with an ML-DSA-44 key and the heads of a few scrolls.
pub const MAX_LINEAGE_LEN: usize = 768 * 1024;

/// The most scrolls that an agreement shares.
pub const MAX_SHARED_SCROLLS: usize = 16;
/// The most scrolls that a discovery record lists.
pub const MAX_SCROLLS_AVAILABLE: usize = 64;
/// The most attestations in a discovery record.
pub const MAX_ATTESTATIONS: usize = 32;
/// The most log keys of one party: two algorithms for each shared scroll, and for the scrolls `Federation` and
/// `Guardian`.
pub const MAX_LOG_VKEYS: usize = 2 * (MAX_SHARED_SCROLLS + 2);
/// The most compliance credentials in a proposal.
pub const MAX_CREDENTIALS: usize = 32;
/// The most `additional_requirements`.
pub const MAX_REQUIREMENTS: usize = 16;
/// The most offers of one negotiation, the proposal included.
pub const MAX_OFFERS: usize = 64;

/// The longest name: a display name, a jurisdiction, a credential, a type of attestation; in bytes.
pub const MAX_NAME_LEN: usize = 64;
/// The longest remark: a reason, a way to resolve disputes, an additional requirement; in bytes.
pub const MAX_REMARK_LEN: usize = 512;
/// The longest `identity_proof` or `capability_proof`, in bytes.
pub const MAX_PROOF_LEN: usize = 4096;
/// The longest URL of an endpoint, in bytes.
pub const MAX_URL_LEN: usize = 2048;
/// The longest retention period, in days: a hundred years.
pub const MAX_RETENTION_DAYS: u64 = 36_525;
/// The longest time that a proposal may stand open, in seconds: 90 days.
pub const MAX_OPEN_SECONDS: i64 = 90 * 86_400;
/// How far two clocks may be apart, in seconds.
pub const MAX_SKEW_SECONDS: i64 = 5 * 60;
