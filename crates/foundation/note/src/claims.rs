//! The one rule about signature lines and keys: lines by other keys are ignored, and every line that claims a key must
//! verify under a key that it claims (signed-note "Verification"). Different keys can share a name and an ID; a line is
//! by the one it verifies under.

use crate::note::SignatureLine;
use crate::signed::SignatureProblem;

/// A line that claims a key and verifies under none that it claims.
pub(crate) struct Failed<'l> {
    pub(crate) line: &'l SignatureLine,
    pub(crate) problem: SignatureProblem,
}

/// Every pair of a line and a key under which it verifies, in the order of the lines.
pub(crate) fn verified<'l, 'k, K, T>(
    lines: &'l [SignatureLine],
    keys: &'k [K],
    is_claimed: impl Fn(&K, &SignatureLine) -> bool,
    verify: impl Fn(&K, &SignatureLine) -> Result<T, SignatureProblem>,
) -> Result<Vec<(&'l SignatureLine, &'k K, T)>, Failed<'l>> {
    let mut found = Vec::new();
    for line in lines {
        let (before, mut failed) = (found.len(), None);
        for key in keys.iter().filter(|key| is_claimed(key, line)) {
            match verify(key, line) {
                Ok(value) => found.push((line, key, value)),
                Err(problem) => failed = Some(problem),
            }
        }
        match failed {
            Some(problem) if found.len() == before => return Err(Failed { line, problem }),
            _ => {}
        }
    }
    Ok(found)
}
