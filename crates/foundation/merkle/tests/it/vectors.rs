//! Values from outside: the RFC 6962 reference tree and the subtree hash lists of the IETF draft.

use std::fmt::Write as _;

use quorate_merkle::{
    Frontier, Hash, LeafHashes, NodeReader, Subtree, leaf_hash, prove_consistency, prove_inclusion,
    prove_subtree, subtree_hash,
};
use sha2::{Digest as _, Sha256};

/// The eight entries of the tree that Certificate Transparency implementations have tested with since 2013.
const REFERENCE_ENTRIES: [&[u8]; 8] = [
    b"",
    b"\x00",
    b"\x10",
    b"\x20\x21",
    b"\x30\x31",
    b"\x40\x41\x42\x43",
    b"\x50\x51\x52\x53\x54\x55\x56\x57",
    b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
];

/// Its roots at sizes 0 to 8.
const REFERENCE_ROOTS: [&str; 9] = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

fn texts(hashes: &[Hash]) -> Vec<String> {
    hashes.iter().map(Hash::to_string).collect()
}

#[test]
fn rfc_6962_reference_roots() {
    let mut frontier = Frontier::new();
    assert_eq!(frontier.root().to_string(), REFERENCE_ROOTS[0]);
    for (entry, root) in REFERENCE_ENTRIES.iter().zip(&REFERENCE_ROOTS[1..]) {
        frontier.push(leaf_hash(entry)).unwrap();
        assert_eq!(frontier.root().to_string(), *root);
    }
}

#[test]
fn rfc_6962_reference_proofs() {
    let leaves = REFERENCE_ENTRIES.map(leaf_hash);
    let nodes = LeafHashes(&leaves);
    let inclusion = prove_inclusion(5, 8, &nodes).unwrap();
    assert_eq!(
        texts(inclusion.hashes()),
        [
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ]
    );
    let consistency = prove_consistency(6, 8, &nodes).unwrap();
    assert_eq!(
        texts(consistency.hashes()),
        [
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ]
    );
}

// draft-ietf-plants-merkle-tree-certs-05, appendix "Subtree Test Vectors": SHA-256 over one line per case, for every
// tree of up to 130 leaves, leaf i being the byte i. In -05 a subtree has start < end; the lists of later drafts
// also count empty subtrees, which have no value of our type, and are checked here with those lines written out.

const LARGEST: u64 = 130;

fn draft_leaves() -> Vec<Hash> {
    (0..=129).map(|i: u8| leaf_hash(&[i])).collect()
}

fn sha256_hex(text: &str) -> String {
    Hash::from_bytes(Sha256::digest(text).into()).to_string()
}

fn line(head: &str, hashes: &[Hash]) -> String {
    let mut line = head.to_owned();
    for hash in hashes {
        write!(line, " {hash}").unwrap_or_default();
    }
    line.push('\n');
    line
}

fn subtrees() -> impl Iterator<Item = Subtree> {
    (0..=LARGEST).flat_map(|end| (0..end).filter_map(move |start| Subtree::new(start, end).ok()))
}

#[test]
fn draft_05_subtree_hashes() {
    let leaves = draft_leaves();
    let (mut draft_05, mut later) = (String::new(), String::new());
    for end in 0..=LARGEST {
        for start in 0..=end {
            let head = format!("[{start}, {end})");
            if let Ok(subtree) = Subtree::new(start, end) {
                let hash = subtree_hash(&subtree, &LeafHashes(&leaves)).unwrap();
                draft_05 += &line(&head, &[hash]);
                later += &line(&head, &[hash]);
            } else if start == end {
                later += &line(&head, &[Hash::EMPTY_ROOT]);
            }
        }
    }
    assert_eq!(
        sha256_hex(&draft_05),
        "94a95384a8c69acea9b50d035a58285b3a777cb7a724005faa5e1f1e1190007f"
    );
    assert_eq!(
        sha256_hex(&later),
        "b82806ad4265bb151c1119c0f4db437bb4d1a1f887b3a7fba1cd4ebf552e3e81"
    );
}

#[test]
fn draft_05_inclusion_proofs() {
    let leaves = draft_leaves();
    let mut text = String::new();
    for subtree in subtrees() {
        let (start, end) = (subtree.start(), subtree.end());
        let nodes = Shifted(LeafHashes(&leaves), start);
        for index in subtree.range() {
            let proof = prove_inclusion(index - start, end - start, &nodes).unwrap();
            text += &line(&format!("{index} [{start}, {end})"), proof.hashes());
        }
    }
    assert_eq!(
        sha256_hex(&text),
        "ac2a8f989e44d99e399db448050ff5f19757df53cfb716aa81015d3955d8163f"
    );
}

/// The tree that begins at some leaf of another one. The offset must be a multiple of every node's width.
struct Shifted<'a>(LeafHashes<'a>, u64);

impl<'a> NodeReader for Shifted<'a> {
    type Error = <LeafHashes<'a> as NodeReader>::Error;

    fn node(&self, level: u8, index: u64) -> Result<Hash, Self::Error> {
        self.0.node(level, index + (self.1 >> level))
    }
}

#[test]
fn draft_05_subtree_proofs() {
    let leaves = draft_leaves();
    let nodes = LeafHashes(&leaves);
    let (mut draft_05, mut later) = (String::new(), String::new());
    for size in 0..=LARGEST {
        for end in 0..=size {
            for start in 0..=end {
                let head = format!("[{start}, {end}) {size}");
                if let Ok(subtree) = Subtree::new(start, end) {
                    let proof = prove_subtree(&subtree, size, &nodes).unwrap();
                    draft_05 += &line(&head, proof.hashes());
                    later += &line(&head, proof.hashes());
                } else if start == end {
                    later += &line(&head, &[]);
                }
            }
        }
    }
    assert_eq!(
        sha256_hex(&draft_05),
        "c586ebbb73a5621baf2140095d87dde934e3b6503a562a1a5215b8209edd083d"
    );
    assert_eq!(
        sha256_hex(&later),
        "10fa99b37bf9bf9ffa26b412fbd98bd75363256d0b75d61bc4538b9c9c5a0a74"
    );
}

#[test]
fn draft_05_covering_subtrees() {
    let mut text = String::new();
    for end in 0..=LARGEST {
        for start in 0..end {
            let (first, second) = Subtree::covering(start, end).unwrap();
            text += &format!("[{}, {})", first.start(), first.end());
            if let Some(second) = second {
                text += &format!(" [{}, {})", second.start(), second.end());
            }
            text.push('\n');
        }
    }
    assert_eq!(
        sha256_hex(&text),
        "e0aecb912a10c57d753b6ecc64db73217f9bc4ed10fcb4e9062be3b6fbe1ebfd"
    );
}
