//! The name that was probably meant.

use crate::failure::Failure;

/// Adds the question whether another name was meant.
pub(crate) fn or<'a>(
    failure: Failure,
    name: &str,
    names: impl IntoIterator<Item = &'a str>,
) -> Failure {
    match names.into_iter().find(|known| is_near(name, known)) {
        Some(meant) => failure.ask(&format!("did you mean {meant}?")),
        None => failure,
    }
}

/// Below this length, one letter makes another name.
const MIN_LEN: usize = 3;

/// Whether two names differ only in case, or by one letter that is another, missing or too many.
fn is_near(a: &str, b: &str) -> bool {
    let (a, b) = (a.to_ascii_lowercase(), b.to_ascii_lowercase());
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    if short.len() < MIN_LEN {
        return short == long;
    }
    let same = short.iter().zip(long).take_while(|(x, y)| x == y).count();
    match long.len() - short.len() {
        0 => short.get(same + 1..).unwrap_or_default() == long.get(same + 1..).unwrap_or_default(),
        1 => short[same..] == long[same + 1..],
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_differ_in_case_or_by_one_letter_are_near() {
        for near in [
            "packages",
            "PACKAGES",
            "Package",
            "ackages",
            "Pckages",
            "Packagess",
            "Pakkages",
            "Xackages",
            "Packagez",
        ] {
            assert!(is_near(near, "Packages"), "{near}");
        }
        for far in [
            "",
            "Pack",
            "Packag",
            "Packaging",
            "Pakcages",
            "Xackagez",
            "PackagesXY",
        ] {
            assert!(!is_near(far, "Packages"), "{far}");
        }
        assert!(is_near("ab", "AB") && !is_near("ab", "ac") && !is_near("ab", "a"));
    }
}
