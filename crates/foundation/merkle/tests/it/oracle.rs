//! The definitions of RFC 6962 §2.1 and of the subtree draft written down as they stand, sharing no code with the
//! crate: entries in, hashes out, no tiles, no bit tricks.

use quorate_merkle::Hash;
use sha2::{Digest as _, Sha256};

/// Trees of every size up to this are compared; the draft's vectors go as far.
pub(crate) const LARGEST: usize = 130;

pub(crate) fn entries(count: usize) -> Vec<Vec<u8>> {
    (0..count)
        .map(|i| format!("entry {i}").into_bytes())
        .collect()
}

pub(crate) fn leaf(entry: &[u8]) -> Hash {
    Hash::from_bytes(Sha256::digest([&[0], entry].concat()).into())
}

pub(crate) fn node(left: &Hash, right: &Hash) -> Hash {
    let bytes = [&[1], left.as_bytes().as_slice(), right.as_bytes()].concat();
    Hash::from_bytes(Sha256::digest(bytes).into())
}

/// "k is the largest power of two smaller than n".
fn split(n: usize) -> usize {
    let mut k = 1;
    while k * 2 < n {
        k *= 2;
    }
    k
}

/// RFC 6962 §2.1, `MTH(D[n])`.
pub(crate) fn mth(entries: &[Vec<u8>]) -> Hash {
    match entries {
        [] => Hash::from_bytes(Sha256::digest([]).into()),
        [entry] => leaf(entry),
        _ => {
            let (left, right) = entries.split_at(split(entries.len()));
            node(&mth(left), &mth(right))
        }
    }
}

/// RFC 6962 §2.1.1, `PATH(m, D[n])`.
pub(crate) fn path(m: usize, entries: &[Vec<u8>]) -> Vec<Hash> {
    if entries.len() == 1 {
        return Vec::new();
    }
    let k = split(entries.len());
    let (left, right) = entries.split_at(k);
    let (mut hashes, sibling) = if m < k {
        (path(m, left), mth(right))
    } else {
        (path(m - k, right), mth(left))
    };
    hashes.push(sibling);
    hashes
}

/// RFC 6962 §2.1.2, `PROOF(m, D[n])` for 0 < m < n, by its `SUBPROOF`.
pub(crate) fn consistency(m: usize, entries: &[Vec<u8>]) -> Vec<Hash> {
    subproof(m, entries, true)
}

fn subproof(m: usize, entries: &[Vec<u8>], whole: bool) -> Vec<Hash> {
    if m == entries.len() {
        return if whole { vec![] } else { vec![mth(entries)] };
    }
    let k = split(entries.len());
    let (left, right) = entries.split_at(k);
    let (mut hashes, sibling) = if m <= k {
        (subproof(m, left, whole), mth(right))
    } else {
        (subproof(m - k, right, false), mth(left))
    };
    hashes.push(sibling);
    hashes
}

/// The draft's `SUBTREE_PROOF(start, end, D_n)`.
pub(crate) fn subtree_proof(start: usize, end: usize, entries: &[Vec<u8>]) -> Vec<Hash> {
    subtree_subproof(start, end, entries, true)
}

fn subtree_subproof(start: usize, end: usize, entries: &[Vec<u8>], whole: bool) -> Vec<Hash> {
    if start == 0 && end == entries.len() {
        return if whole { vec![] } else { vec![mth(entries)] };
    }
    let k = split(entries.len());
    let (left, right) = entries.split_at(k);
    let (mut hashes, sibling) = if end <= k {
        (subtree_subproof(start, end, left, whole), mth(right))
    } else if k <= start {
        let rest = subtree_subproof(start - k, end - k, right, whole);
        (rest, mth(left))
    } else {
        (subtree_subproof(0, end - k, right, false), mth(left))
    };
    hashes.push(sibling);
    hashes
}

/// The multi-proof of the leaves marked in `named`, by the three rules in the module's description.
pub(crate) fn multi_proof(named: &[bool], entries: &[Vec<u8>]) -> Vec<Hash> {
    match named {
        _ if !named.contains(&true) => vec![mth(entries)],
        [true] => vec![],
        _ => {
            let k = split(entries.len());
            let (left, right) = entries.split_at(k);
            let mut hashes = multi_proof(&named[..k], left);
            hashes.extend(multi_proof(&named[k..], right));
            hashes
        }
    }
}
