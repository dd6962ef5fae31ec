//! What it comes to.

use quorate_cli::text::Table;

use crate::failure::Result;
use crate::screen::Screen;

/// Printed only when every act ended as promised.
pub(super) fn print(screen: &Screen) -> Result<()> {
    screen.act(6, "What it comes to: k = 2 of n = 3")?;
    let mut table = Table::new(&[
        "in the wrong hands",
        "forge?",
        "stop?",
        "refused or told by",
    ]);
    for row in [
        [
            "the log's disk",
            "no",
            "until restored",
            "the node: witnesses remember",
        ],
        [
            "the log's disk and key",
            "no",
            "yes",
            "every witness, every auditor",
        ],
        ["1 witness", "no", "if it lies", "the log says which"],
        [
            "1 witness and the log",
            "no *",
            "yes",
            "2 witnesses, every auditor",
        ],
        [
            "2 witnesses",
            "no",
            "while silent",
            "the log says what it lacks",
        ],
        [
            "2 witnesses and the log",
            "YES",
            "yes",
            "the third; two receipts",
        ],
    ] {
        table.push(&row);
    }
    screen.table(&table)?;
    screen.say(
        "* while every honest witness knows the newest head. One that is behind can be told another.",
    )?;
    screen.list(
        "k - 1 = 1 compromised domain cannot",
        &[
            "make one entry count that no honest witness co-signed",
            "roll back or fork what the honest witnesses have seen, even with the log's own key and disk",
            "stop the log by silence: n - k = 1 may be silent",
        ],
    )?;
    screen.list(
        "It can",
        &[
            "claim to have co-signed what the log never signed: the log signs no more until its operator takes it out of the policy",
            "with the log's key: stop the log, or write what is false into it from now on",
            "with the log's key and a witness that is behind: forge what is newer than that witness knows. Two quorums share 2k - n = 1 witness, which is then the thief; of 3 of 4 they share two, and one thief is not enough",
        ],
    )?;
    screen.list(
        "2 compromised domains can",
        &[
            "by silence (n - k + 1 = 2) keep new entries from becoming quorate; none is lost",
            "with the log's key (k = 2) forge any history, and it verifies",
        ],
    )?;
    screen.list(
        "Nothing prevents that, and it shows as soon as anybody compares",
        &["two receipts, or what an honest witness keeps, prove it to anyone who has the log's public key, and name the keys that signed both histories"],
    )?;
    screen.gap()?;
    screen.plain("Everything was as promised.")
}
