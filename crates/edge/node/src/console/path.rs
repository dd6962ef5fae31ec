//! The way from one entry up to the root of a published head, computed, verified and laid out as a picture.

use std::ops::Range;

use quorate_merkle::{Hash, Proof, Subtree, node_hash, proof_ranges, verify_inclusion};
use thiserror::Error;

use super::words::{entries, grouped, short};

/// On which side of the path a neighbour stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Left,
    Right,
}

/// One hashing step.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Step {
    sibling: Hash,
    covers: Range<u64>,
    side: Side,
    parent: Hash,
    parent_covers: Range<u64>,
}

/// A verified path: there is no other way to make one than [`InclusionPath::verify`] (R1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct InclusionPath {
    index: u64,
    size: u64,
    leaf: Hash,
    root: Hash,
    steps: Vec<Step>,
}

/// The hashes do not lead from the entry to the root. Nothing may be drawn of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the hashes do not lead from the entry to the root of the checkpoint")]
pub(super) struct NotIncluded;

impl InclusionPath {
    /// Verifies `proof` and recomputes each step of it.
    pub(super) fn verify(
        index: u64,
        leaf: Hash,
        size: u64,
        root: Hash,
        proof: &Proof,
    ) -> Result<Self, NotIncluded> {
        verify_inclusion(index, &leaf, size, &root, proof).map_err(|_| NotIncluded)?;
        let subtree = Subtree::leaf(index).map_err(|_| NotIncluded)?;
        let ranges = proof_ranges(&subtree, size).ok_or(NotIncluded)?;
        let mut hash = leaf;
        let mut at = index..index + 1;
        let mut steps = Vec::with_capacity(ranges.len());
        for (covers, sibling) in ranges.into_iter().zip(proof.hashes()) {
            let (side, parent, parent_covers) = if covers.start < at.start {
                (Side::Left, node_hash(sibling, &hash), covers.start..at.end)
            } else {
                (Side::Right, node_hash(&hash, sibling), at.start..covers.end)
            };
            steps.push(Step {
                sibling: *sibling,
                covers,
                side,
                parent,
                parent_covers: parent_covers.clone(),
            });
            (hash, at) = (parent, parent_covers);
        }
        if hash != root || at != (0..size) {
            return Err(NotIncluded);
        }
        Ok(Self {
            index,
            size,
            leaf,
            root,
            steps,
        })
    }

    /// The steps in words, with whole hashes.
    pub(super) fn lines(&self) -> Vec<Line> {
        let mut below = self.leaf;
        let lines = self.steps.iter().map(|step| {
            let (left, right) = match step.side {
                Side::Left => (step.sibling, below),
                Side::Right => (below, step.sibling),
            };
            below = step.parent;
            Line {
                left: left.to_string(),
                right: right.to_string(),
                parent: step.parent.to_string(),
                sibling_is_left: step.side == Side::Left,
                sibling_covers: covered(&step.covers),
                parent_covers: covered(&step.parent_covers),
            }
        });
        lines.collect()
    }

    /// The number of hashes in the proof.
    pub(super) fn len(&self) -> usize {
        self.steps.len()
    }

    /// The picture: the leaf at the bottom, the root at the top, left children on the left.
    pub(super) fn picture(&self) -> Picture {
        let rows = self.steps.len() as u32 + 1;
        let top_of = |row_from_bottom: usize| MARGIN + (rows - 1 - row_from_bottom as u32) * ROW;
        let mut nodes = Vec::new();
        let mut lines = Vec::new();
        let mut below = (self.leaf, format!("entry {}", grouped(self.index)));
        for (row, step) in self.steps.iter().enumerate() {
            let y = top_of(row);
            let (path_x, sibling_x) = match step.side {
                Side::Left => (RIGHT_X, LEFT_X),
                Side::Right => (LEFT_X, RIGHT_X),
            };
            let parent_x = match self.steps.get(row + 1).map(|s| s.side) {
                None => CENTRE_X,
                Some(Side::Left) => RIGHT_X,
                Some(Side::Right) => LEFT_X,
            };
            let class = if row == 0 { "leaf" } else { "path" };
            nodes.push(Node::new(class, path_x, y, &below.0, below.1));
            nodes.push(Node::new(
                "sibling",
                sibling_x,
                y,
                &step.sibling,
                covered(&step.covers),
            ));
            // The path is drawn last, over its neighbour's line where they meet.
            lines.push(Curve::new("sibling", sibling_x, y, parent_x));
            lines.push(Curve::new("path", path_x, y, parent_x));
            below = (step.parent, covered(&step.parent_covers));
        }
        let root_label = format!("root of {}", entries(self.size));
        nodes.push(Node::new(
            "root",
            CENTRE_X,
            top_of(self.steps.len()),
            &self.root,
            root_label,
        ));
        Picture {
            width: WIDTH,
            height: 2 * MARGIN + (rows - 1) * ROW + BOX_HEIGHT,
            nodes,
            lines,
        }
    }
}

fn covered(range: &Range<u64>) -> String {
    if range.end - range.start == 1 {
        format!("entry {}", grouped(range.start))
    } else {
        format!(
            "entries {}–{}",
            grouped(range.start),
            grouped(range.end - 1)
        )
    }
}

/// A step in words.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) left: String,
    pub(super) right: String,
    pub(super) parent: String,
    pub(super) sibling_is_left: bool,
    pub(super) sibling_covers: String,
    pub(super) parent_covers: String,
}

// Units of the picture: as wide as a small phone, so that its text is never scaled down.
const WIDTH: u32 = 340;
const MARGIN: u32 = 6;
const BOX_WIDTH: u32 = 160;
const BOX_HEIGHT: u32 = 46;
const ROW: u32 = 76;
const LEFT_X: u32 = MARGIN;
const RIGHT_X: u32 = WIDTH - MARGIN - BOX_WIDTH;
const CENTRE_X: u32 = (WIDTH - BOX_WIDTH) / 2;

/// What the template draws.
#[derive(Debug)]
pub(super) struct Picture {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) nodes: Vec<Node>,
    pub(super) lines: Vec<Curve>,
}

/// A hash.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) class: &'static str,
    pub(super) x: u32,
    pub(super) y: u32,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) text_x: u32,
    pub(super) hash_y: u32,
    pub(super) label_y: u32,
    pub(super) hash: String,
    pub(super) whole: String,
    pub(super) label: String,
}

impl Node {
    fn new(class: &'static str, x: u32, y: u32, hash: &Hash, label: String) -> Self {
        Self {
            class,
            x,
            y,
            width: BOX_WIDTH,
            height: BOX_HEIGHT,
            text_x: x + BOX_WIDTH / 2,
            hash_y: y + 20,
            label_y: y + 36,
            hash: short(hash),
            whole: hash.to_string(),
            label,
        }
    }
}

/// From a child's upper edge to its parent's lower edge.
#[derive(Debug)]
pub(super) struct Curve {
    pub(super) class: &'static str,
    pub(super) d: String,
}

impl Curve {
    fn new(class: &'static str, child_x: u32, child_y: u32, parent_x: u32) -> Self {
        let from = child_x + BOX_WIDTH / 2;
        let to = parent_x + BOX_WIDTH / 2;
        let end = child_y + BOX_HEIGHT - ROW;
        let middle = (child_y + end) / 2;
        Self {
            class,
            d: format!("M{from} {child_y}C{from} {middle} {to} {middle} {to} {end}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use quorate_merkle::{LeafHashes, leaf_hash, prove_inclusion, root_of_leaf_hashes};

    use super::*;

    fn tree(size: u64) -> Vec<Hash> {
        (0..size).map(|i| leaf_hash(&i.to_be_bytes())).collect()
    }

    fn path(index: u64, leaves: &[Hash]) -> InclusionPath {
        let size = leaves.len() as u64;
        let proof = prove_inclusion(index, size, &LeafHashes(leaves)).unwrap();
        InclusionPath::verify(
            index,
            leaves[index as usize],
            size,
            root_of_leaf_hashes(leaves),
            &proof,
        )
        .unwrap()
    }

    #[test]
    fn every_path_of_small_trees_ends_at_the_root() {
        for size in 1..=33 {
            let leaves = tree(size);
            for index in 0..size {
                let path = path(index, &leaves);
                let picture = path.picture();
                assert_eq!(picture.nodes.len(), 2 * path.len() + 1);
                assert_eq!(
                    picture.nodes.last().unwrap().whole,
                    root_of_leaf_hashes(&leaves).to_string()
                );
                assert!(
                    picture
                        .nodes
                        .iter()
                        .all(|b| b.x + b.width <= WIDTH && b.y + b.height <= picture.height)
                );
            }
        }
    }

    #[test]
    fn left_children_stand_on_the_left() {
        let leaves = tree(3);
        let picture = path(1, &leaves).picture();
        let at = |hash: &Hash| {
            picture
                .nodes
                .iter()
                .find(|b| b.whole == hash.to_string())
                .unwrap()
        };
        assert!(at(&leaves[0]).x < at(&leaves[1]).x);
        assert!(
            at(&leaves[0]).y > at(&node_hash(&leaves[0], &leaves[1])).y,
            "leaves below"
        );
        assert_eq!(at(&leaves[2]).label, "entry 2");
        assert_eq!(at(&leaves[1]).class, "leaf");
    }

    #[test]
    fn the_words_say_which_hashes_are_joined() {
        let leaves = tree(3);
        let lines = path(2, &leaves).lines();
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0].right, leaves[2].to_string());
        assert_eq!(lines[0].left, node_hash(&leaves[0], &leaves[1]).to_string());
        assert_eq!(
            (
                lines[0].sibling_covers.as_str(),
                lines[0].parent_covers.as_str()
            ),
            ("entries 0–1", "entries 0–2")
        );
        assert!(lines[0].sibling_is_left);
    }

    #[test]
    fn r1_a_path_to_another_root_is_not_drawn() {
        let leaves = tree(5);
        let proof = prove_inclusion(2, 5, &LeafHashes(&leaves)).unwrap();
        let root = root_of_leaf_hashes(&leaves);
        let other = root_of_leaf_hashes(&leaves[..4]);
        assert_eq!(
            InclusionPath::verify(2, leaves[2], 5, other, &proof),
            Err(NotIncluded)
        );
        assert_eq!(
            InclusionPath::verify(2, leaves[3], 5, root, &proof),
            Err(NotIncluded)
        );
        assert_eq!(
            InclusionPath::verify(3, leaves[2], 5, root, &proof),
            Err(NotIncluded)
        );
        assert_eq!(
            InclusionPath::verify(2, leaves[2], 4, root, &proof),
            Err(NotIncluded)
        );
    }

    #[test]
    fn one_entry_is_its_own_root() {
        let leaves = tree(1);
        let path = path(0, &leaves);
        assert_eq!(path.len(), 0);
        let only = &path.picture().nodes[0];
        assert_eq!(
            (only.label.as_str(), only.whole.as_str()),
            ("root of 1 entry", leaves[0].to_string().as_str())
        );
    }
}
