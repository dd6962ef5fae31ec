//! Signing anew where somebody else with the key was faster.

use std::time::Duration;

use super::random;
use crate::failure::Failure;

/// How often a receipt is signed. Whenever it is too late, another one was recorded: of so many commands at the same
/// moment none is kept out.
const ATTEMPTS: u32 = 40;
/// The longest pause between two attempts, so that the last one comes within ten seconds.
const MAX_PAUSE: Duration = Duration::from_millis(250);

/// Does it until the session's head did not move in between.
pub(super) async fn again<T>(
    attempt: impl AsyncFnMut() -> Result<T, Failure>,
) -> Result<T, Failure> {
    again_after(attempt, pause).await
}

async fn again_after<T>(
    mut attempt: impl AsyncFnMut() -> Result<T, Failure>,
    pause: impl Fn(u32) -> Result<Duration, Failure>,
) -> Result<T, Failure> {
    for tried in 1..ATTEMPTS {
        match attempt().await {
            Err(failure) if failure.is("head-moved") => tokio::time::sleep(pause(tried)?).await,
            done => return done,
        }
    }
    attempt()
        .await
        .map_err(|failure| match failure.is("head-moved") {
            true => failure
                .because(format!(
                    "another step was recorded at the same moment, {ATTEMPTS} times in a row"
                ))
                .hint("nothing was recorded: run the command again"),
            false => failure,
        })
}

/// Anything from nothing to a length that doubles, so that writers who met once do not meet again.
fn pause(tried: u32) -> Result<Duration, Failure> {
    let most = Duration::from_millis(1 << tried.min(16)).min(MAX_PAUSE);
    let octets = random("wait for another writer")?;
    Ok(most * u32::from(octets[0]) / u32::from(u8::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Paint;

    fn moved() -> Failure {
        Failure::refused("head-moved", "cannot", "the session goes on")
            .hint("sign for this head and try again, unless the head is the receipt itself")
    }

    async fn attempts(
        results: impl Fn(u32) -> Result<u32, Failure>,
    ) -> (u32, Result<u32, Failure>) {
        let mut made = 0;
        let attempt = async || {
            made += 1;
            results(made)
        };
        let result = again_after(attempt, |_| Ok(Duration::ZERO)).await;
        (made, result)
    }

    #[tokio::test]
    async fn whoever_was_slower_signs_again_and_no_other_failure_is_repeated() {
        let late = |made| {
            if made < ATTEMPTS {
                Err(moved())
            } else {
                Ok(made)
            }
        };
        assert_eq!(attempts(late).await, (ATTEMPTS, Ok(ATTEMPTS)));
        let other = || Failure::refused("not-pinned", "cannot", "why");
        assert_eq!(attempts(|_| Err(other())).await, (1, Err(other())));
    }

    #[tokio::test]
    async fn it_ends_and_says_what_to_type() {
        let (made, result) = attempts(|_| Err(moved())).await;
        assert_eq!(made, ATTEMPTS);
        let failure = result.unwrap_err();
        assert!(failure.is("head-moved"));
        let text = failure.human(Paint::OFF);
        assert!(
            text.contains("at the same moment") && text.contains("run the command again"),
            "{text}"
        );
        assert!(!text.contains("sign for this head"), "{text}");
    }

    #[test]
    fn pauses_are_bounded() {
        for tried in [1, 8, 39, u32::MAX] {
            assert!(pause(tried).unwrap() <= MAX_PAUSE);
        }
        assert!(pause(1).unwrap() <= Duration::from_millis(2));
    }
}
