//! A policy's quorum as a tree in box-drawing characters.

use quorate_policy::{Node, NodeKind, Policy, Quorum, Witness};

use super::algorithm;
use crate::text::Paint;

/// How wide a screen may be counted on to be.
pub(super) const WIDTH: usize = 80;
/// Where the right column begins at the latest.
const NAMES: usize = 44;
/// What of a name is shown however deep it stands.
const LEAST: usize = 12;

struct Row {
    stem: String,
    name: String,
    detail: String,
}

impl Row {
    fn left(&self) -> usize {
        self.stem.chars().count() + self.name.chars().count()
    }
}

/// The tree, a line each: names on the left, on the right what a group needs and what a witness is. `note`
/// adds to a witness.
pub(super) fn tree(policy: &Policy, note: &dyn Fn(&Witness) -> String, paint: Paint) -> String {
    let mut rows = Vec::new();
    match policy.quorum() {
        Quorum::None => return "none  no co-signature is required\n".to_owned(),
        Quorum::Node(root) => add(root, ["", ""], note, &mut rows),
    }
    let width = rows.iter().map(Row::left).max().unwrap_or(0).min(NAMES);
    let mut text = String::new();
    for row in &rows {
        let stem = row.stem.chars().count();
        let name = clipped(&row.name, width.saturating_sub(stem).max(LEAST));
        let used = stem + name.chars().count();
        let gap = " ".repeat(width.saturating_sub(used) + 2);
        let detail = clipped(&row.detail, WIDTH.saturating_sub(used.max(width) + 2));
        text.push_str(&paint.dim(&row.stem));
        text.push_str(&name);
        text.push_str(&format!("{gap}{}", paint.dim(&detail)));
        text.push('\n');
    }
    text
}

/// Recursion is bounded by the depth that a policy may have. The stems are what stands before this node's own
/// line and before those below it.
fn add(node: Node<'_>, stems: [&str; 2], note: &dyn Fn(&Witness) -> String, rows: &mut Vec<Row>) {
    let name = node.name().to_string();
    let stem = stems[0].to_owned();
    match node.kind() {
        NodeKind::Witness(witness) => rows.push(Row {
            stem,
            name,
            detail: format!("{:9} {}", algorithm(witness.key().kind()), note(witness))
                .trim_end()
                .to_owned(),
        }),
        NodeKind::Group(group) => {
            let n = group.members().len();
            rows.push(Row {
                stem,
                name,
                detail: format!("{} of {n}", group.required()),
            });
            for (i, member) in group.members().enumerate() {
                let [own, below] = if i + 1 == n {
                    ["└─ ", "   "]
                } else {
                    ["├─ ", "│  "]
                };
                let stems = [stems[1].to_owned() + own, stems[1].to_owned() + below];
                add(member, [&stems[0], &stems[1]], note, rows);
            }
        }
    }
}

fn clipped(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(width.saturating_sub(1)).collect();
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_is_cut_and_shows_it() {
        assert_eq!(clipped("abcdef", 6), "abcdef");
        assert_eq!(clipped("abcdefg", 6), "abcde…");
    }

    #[test]
    fn a_tree_is_no_wider_than_the_screen() {
        // The base point and its double, as keys that need no signer.
        let keys = [
            "5866666666666666666666666666666666666666666666666666666666666666",
            "c9a3f86aae465f0e56513864510f3997561fa2c9e85ea21dc2292309f3cd6022",
        ];
        let long = "n".repeat(100);
        let mut file = format!("witness {long} {}\nwitness b {}\n", keys[0], keys[1]);
        file += &format!("group g0 any {long}\n");
        for i in 1..20 {
            file += &format!("group g{i} all g{}\n", i - 1);
        }
        file += "group q 2 g19 b\nquorum q\n";
        let policy = Policy::parse(file.as_bytes()).unwrap();
        let text = tree(&policy, &|_| "no label: all of them".repeat(9), Paint::OFF);
        assert!(
            text.lines().all(|line| line.chars().count() <= WIDTH),
            "{text}"
        );
        assert_eq!(text.lines().count(), 23);
        assert!(text.starts_with("q "));
        assert!(text.lines().last().unwrap().starts_with("└─ b "));
        assert!(text.contains("nnn…"));
    }
}
