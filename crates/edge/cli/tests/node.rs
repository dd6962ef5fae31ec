//! The command line with a real node behind it.

mod runner;

use std::path::Path;

use serde_json::Value;

#[test]
fn sessions_with_a_node() {
    runner::run_all("node");
}

/// `JSON.md` promises members; every member of every answer in these fixtures is among them.
#[test]
fn what_json_answers_is_documented() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let document = std::fs::read_to_string(folder.join("JSON.md")).unwrap();
    let session: String = [
        "node/json",
        "node/import",
        "node/sessions",
        "node/audit",
        "node/monitor",
        "offline/policy-check",
        "offline/policy-new",
        "offline/policy-implies",
        "offline/config",
    ]
    .map(|name| folder.join(format!("tests/fixtures/{name}.txt")))
    .map(|path| std::fs::read_to_string(path).unwrap())
    .concat();
    let mut command = String::new();
    let mut checked = 0;
    for line in session.lines() {
        if let Some(words) = line.strip_prefix("$ quorate ") {
            let mut words = words.split(' ');
            let (first, second) = (words.next().unwrap(), words.next().unwrap());
            let two = matches!(
                first,
                "actor"
                    | "log"
                    | "key"
                    | "token"
                    | "policy"
                    | "config"
                    | "session"
                    | "bundle"
                    | "trust-anchor"
            );
            command = if two {
                format!("{first} {second}")
            } else {
                first.to_owned()
            };
            for flag in [" --seal", " --tiles", " --dry-run"] {
                if line.contains(flag) {
                    command.push_str(flag);
                }
            }
        }
        let Ok(Value::Object(answer)) = serde_json::from_str(line) else {
            continue;
        };
        // An entry's own octets promise nothing.
        if command == "log get" {
            continue;
        }
        let cell = format!("`{command}`");
        let row = document.lines().filter(|l| l.starts_with('|'));
        let row = row
            .clone()
            .find(|l| l.split('|').nth(1).is_some_and(|c| c.contains(&cell)))
            .expect(&command);
        for member in answer.keys() {
            assert!(
                row.contains(&format!("`{member}`")),
                "{command}: {member} is not documented"
            );
            checked += 1;
        }
    }
    assert!(checked > 50, "only {checked} members were checked");
}
