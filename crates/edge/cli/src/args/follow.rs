//! `--follow FILE --scroll NAME [--raw]`, repeated: flags belong to the `--follow` before them.

use std::path::PathBuf;

use clap::ArgMatches;
use clap::error::ErrorKind;

/// One file to follow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Follow {
    /// The file.
    pub(crate) file: PathBuf,
    /// The scroll its lines go to.
    pub(crate) scroll: String,
    /// Any text rather than JSON receipts.
    pub(crate) raw: bool,
}

/// A `--follow` group that is not complete.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum FollowError {
    /// No scroll for this file.
    NoScroll(PathBuf),
    /// Two scrolls for this file.
    TwoScrolls(PathBuf),
    /// `--scroll` or `--raw` before the first `--follow`.
    Stray(&'static str),
}

impl FollowError {
    pub(super) fn into_clap(self, command: &mut clap::Command) -> clap::Error {
        let up = command.find_subcommand_mut("up");
        let message = match self {
            Self::NoScroll(file) => format!(
                "'--follow {}' needs a '--scroll NAME' after it",
                file.display()
            ),
            Self::TwoScrolls(file) => {
                format!("'--follow {}' has more than one '--scroll'", file.display())
            }
            Self::Stray(flag) => format!("'{flag}' belongs behind the '--follow FILE' it is about"),
        };
        match up {
            Some(up) => up.error(ErrorKind::WrongNumberOfValues, message),
            None => command.error(ErrorKind::WrongNumberOfValues, message),
        }
    }
}

/// Pairs the flags of `quorate up` by where they stand.
pub(super) fn pair(up: &ArgMatches) -> Result<Vec<Follow>, FollowError> {
    enum Part {
        File(PathBuf),
        Scroll(String),
        Raw,
    }
    let mut parts: Vec<(usize, Part)> = Vec::new();
    let files = up.get_many::<PathBuf>("follow_file").into_iter().flatten();
    parts.extend(indices(up, "follow_file").zip(files.map(|f| Part::File(f.clone()))));
    let scrolls = up.get_many::<String>("follow_scroll").into_iter().flatten();
    parts.extend(indices(up, "follow_scroll").zip(scrolls.map(|s| Part::Scroll(s.clone()))));
    parts.extend(indices(up, "follow_raw").map(|i| (i, Part::Raw)));
    parts.sort_by_key(|(index, _)| *index);

    let mut groups: Vec<(PathBuf, Option<String>, bool)> = Vec::new();
    for (_, part) in parts {
        match (part, groups.last_mut()) {
            (Part::File(file), _) => groups.push((file, None, false)),
            (Part::Scroll(_), None) => return Err(FollowError::Stray("--scroll")),
            (Part::Raw, None) => return Err(FollowError::Stray("--raw")),
            (Part::Scroll(_), Some((file, Some(_), _))) => {
                return Err(FollowError::TwoScrolls(file.clone()));
            }
            (Part::Scroll(name), Some((_, scroll, _))) => *scroll = Some(name),
            (Part::Raw, Some((_, _, raw))) => *raw = true,
        }
    }
    groups
        .into_iter()
        .map(|(file, scroll, raw)| match scroll {
            Some(scroll) => Ok(Follow { file, scroll, raw }),
            None => Err(FollowError::NoScroll(file)),
        })
        .collect()
}

fn indices<'a>(up: &'a ArgMatches, id: &'a str) -> impl Iterator<Item = usize> + 'a {
    up.indices_of(id).into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::super::{Action, Cli};
    use super::*;

    fn follow(words: &[&str]) -> Result<Vec<Follow>, String> {
        let words = ["quorate", "up"].iter().chain(words).map(Into::into);
        match Cli::parse_from(words).map_err(|e| e.to_string())?.action {
            Action::Up(up) => Ok(up.follow),
            _ => unreachable!(),
        }
    }

    #[test]
    fn flags_belong_to_the_follow_before_them() {
        let one = Follow {
            file: "a".into(),
            scroll: "A".into(),
            raw: true,
        };
        let two = Follow {
            file: "b".into(),
            scroll: "B".into(),
            raw: false,
        };
        let words = [
            "--follow", "a", "--scroll", "A", "--raw", "--follow", "b", "--scroll", "B",
        ];
        assert_eq!(follow(&words).unwrap(), [one.clone(), two.clone()]);
        let words = [
            "--follow",
            "a",
            "--raw",
            "--scroll",
            "A",
            "--follow=b",
            "--scroll=B",
        ];
        assert_eq!(follow(&words).unwrap(), [one, two]);
        assert_eq!(follow(&[]).unwrap(), []);
    }

    #[test]
    fn a_follow_group_that_is_not_complete_is_a_usage_error() {
        for (words, said) in [
            (&["--follow", "a"][..], "--scroll"),
            (
                &["--follow", "a", "--follow", "b", "--scroll", "B"],
                "'--follow a' needs",
            ),
            (
                &["--follow", "a", "--scroll", "A", "--scroll", "B"],
                "more than one",
            ),
            (&["--scroll", "A", "--follow", "a"], "belongs behind"),
            (
                &["--raw", "--follow", "a", "--scroll", "A"],
                "belongs behind",
            ),
            (&["--raw"], "--follow"),
        ] {
            let error = follow(words).unwrap_err();
            assert!(error.contains(said), "{words:?}: {error}");
        }
    }
}
