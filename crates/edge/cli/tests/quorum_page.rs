//! The page "Run your own quorum": its commands run in their order, on five machines that are folders, with the units
//! that it installs. Addresses of the tunnel become loopback addresses that only this run uses; `/etc`, `/var/lib` and
//! `/usr/bin` lie in the machine's folder; `systemctl`, `scp` and `nft` are stand-ins.
#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot set up its machines must stop"
)]

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const PAGE: &str = include_str!("../../../../docs/run-your-own-quorum.md");

/// A fenced block, without its fences, and who runs it.
struct Block {
    machines: Vec<String>,
    text: String,
}

fn blocks() -> Vec<Block> {
    let fenced = PAGE.split("```sh\n").skip(1);
    let blocks = fenced.map(|rest| {
        let text = rest.split_once("```").unwrap().0;
        let who = text.lines().next().and_then(|l| l.strip_prefix("# on "));
        Block {
            machines: who.unwrap().split(' ').map(str::to_owned).collect(),
            text: text.to_owned(),
        }
    });
    blocks.collect()
}

/// The rows of the page's map: name and address in the tunnel.
fn map() -> Vec<(String, String)> {
    let rows = PAGE
        .lines()
        .filter(|l| l.starts_with("| `") && l.contains("10.77.0."));
    let rows = rows.map(|row| {
        let mut cells = row
            .split('|')
            .map(|c| c.trim().trim_matches('`').to_owned())
            .skip(1);
        (cells.next().unwrap(), cells.next().unwrap())
    });
    rows.collect()
}

/// Starts and stops what a unit's `ExecStart` says, with its state directory and credentials in place.
const SYSTEMCTL: &str = r#"#!/bin/sh
set -eu
verb=$1
[ "$verb" != daemon-reload ] || exit 0
for unit; do :; done
file=$ROOT/etc/systemd/system/$unit.service
run=$ROOT/run/$unit
values() { sed -n "s/^$1=//p" "$file"; }
if [ "$verb" = stop ] || [ "$verb" = restart ]; then
    pid=$(cat "$run.pid")
    kill "$pid"
    while kill -0 "$pid" 2>/dev/null; do sleep 0.02; done
fi
[ "$verb" != stop ] || exit 0
mkdir -p "$run.credentials" "$ROOT/var/lib/private"
for directory in $(values StateDirectory); do
    mkdir -p "$ROOT/var/lib/private/$directory"
    [ -e "$ROOT/var/lib/$directory" ] || ln -s "private/$directory" "$ROOT/var/lib/$directory"
done
values LoadCredential | while IFS=: read -r name path; do
    cp "$ROOT$path" "$run.credentials/$name"
    chmod 0440 "$run.credentials/$name"
done
exec=$(values ExecStart | sed "s|%S|$ROOT/var/lib|g; s|%d|$run.credentials|g; s| /etc/| $ROOT/etc/|g; s|^/usr/bin/|$ROOT/usr/bin/|")
: > "$run.out"
env -i "CREDENTIALS_DIRECTORY=$run.credentials" $exec > "$run.out" 2>> "$run.err" < /dev/null &
echo $! > "$run.pid"
until grep -q 'listening on\|^Running' "$run.out"; do
    kill -0 "$(cat "$run.pid")" || { cat "$run.err" >&2; exit 1; }
    sleep 0.02
done
"#;

/// Copies between the homes of machines: `FILE… ADDRESS:` or `ADDRESS:FILE… .`
const SCP: &str = r#"#!/bin/sh
set -eu
for last; do :; done
while [ $# -gt 1 ]; do
    case $last in
    *:) cp "$1" "$MACHINES/${last%:}/home/" ;;
    *) cp "$MACHINES/${1%%:*}/home/${1#*:}" "$last" ;;
    esac
    shift
done
"#;

/// The rules themselves are read by the real one where there is one (`packaging.rs`).
const NFT: &str = "#!/bin/sh\nset -eu\ngrep -q '^table inet quorate' \"$2\"\n";

fn executable(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Five machines in one folder; what they run ends with them.
struct Machines(tempfile::TempDir);

impl Drop for Machines {
    fn drop(&mut self) {
        for machine in fs::read_dir(self.0.path()).into_iter().flatten().flatten() {
            for file in fs::read_dir(machine.path().join("run"))
                .into_iter()
                .flatten()
                .flatten()
            {
                if file.path().extension().is_some_and(|e| e == "pid") {
                    let pid = fs::read_to_string(file.path()).unwrap_or_default();
                    let _gone = Command::new("kill").args(["-KILL", pid.trim()]).output();
                }
            }
        }
    }
}

impl Machines {
    fn new() -> Self {
        let machines = Self(tempfile::tempdir().unwrap());
        let tools = machines.0.path().join("tools");
        fs::create_dir(&tools).unwrap();
        executable(&tools.join("systemctl"), SYSTEMCTL);
        executable(&tools.join("scp"), SCP);
        executable(&tools.join("nft"), NFT);
        // The page waits as a person would.
        executable(&tools.join("sleep"), "#!/bin/sh\nexec /bin/sleep 0.05\n");
        machines
    }

    /// What the tunnel's network is here: addresses of this machine that no other run has.
    fn network() -> String {
        let id = std::process::id();
        format!("127.{}.{}.", 1 + (id >> 8) % 254, id % 256)
    }

    fn local(text: &str) -> String {
        let network = Self::network();
        text.replace("10.77.0.", &network)
            .replace("127.0.0.1:", &format!("{network}1:"))
    }

    /// The folder of a machine, furnished at its first use.
    fn root(&self, address: &str) -> PathBuf {
        let root = self.0.path().join(address);
        if !root.exists() {
            for folder in ["home", "run", "etc/systemd/system", "var/lib", "usr/bin"] {
                fs::create_dir_all(root.join(folder)).unwrap();
            }
            let program = format!("#!/bin/sh\nexec {} \"$@\"\n", env!("CARGO_BIN_EXE_quorate"));
            executable(&root.join("home/quorate"), &program);
            let packaging = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../packaging");
            symlink(packaging, root.join("home/packaging")).unwrap();
        }
        root
    }

    fn run(&self, name: &str, address: &str, text: &str) {
        let root = self.root(&Self::local(address));
        let shown = root.to_str().unwrap();
        let mut text = Self::local(text);
        for folder in [
            "/etc/quorate",
            "/etc/systemd",
            "/etc/nftables.d",
            "/var/lib/",
            "/usr/bin/",
        ] {
            text = text.replace(folder, &format!("{shown}{folder}"));
        }
        let tools = self.0.path().join("tools");
        let path = format!(
            "{}:{shown}/usr/bin:{shown}/home:/usr/bin:/bin",
            tools.display()
        );
        // As at a login, and no command's failure is passed over.
        let script = format!("set -eu\n[ ! -e ~/.profile ] || . ~/.profile\n{text}");
        let done = Command::new("sh")
            .args(["-c", &script])
            .env_clear()
            .env("PATH", path)
            .env("HOME", root.join("home"))
            .env("ROOT", &root)
            .env("MACHINES", self.0.path())
            .env("NAME", name)
            .env("ADDRESS", Self::local(address))
            .current_dir(root.join("home"))
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let (out, err) = (
            String::from_utf8_lossy(&done.stdout),
            String::from_utf8_lossy(&done.stderr),
        );
        assert!(done.status.success(), "on {name}: {text}\n{out}{err}");
    }
}

#[test]
fn every_command_of_run_your_own_quorum_works() {
    let machines = Machines::new();
    let mut map = map();
    assert_eq!(map.len(), 4, "{map:?}");
    map.push(("auditor".to_owned(), "10.77.0.99".to_owned()));
    let blocks = blocks();
    assert!(blocks.len() >= 19, "{}", blocks.len());
    for block in &blocks {
        for name in &block.machines {
            let (name, address) = map.iter().find(|(n, _)| n == name).unwrap();
            machines.run(name, address, &block.text);
        }
    }
    // What the page promises of the last state: everybody is there, and nobody has evidence.
    let log = Machines::local("10.77.0.1");
    let quorate =
        "until quorate log show Deeds | grep -q 'witnesses *quorate$'; do sleep 0.1; done";
    machines.run("log", &log, quorate);
    for (name, address) in map.iter().skip(1).take(3) {
        machines.run(name, address, "quorate witness import logs.list");
        machines.run(
            name,
            address,
            "quorate witness evidence | grep -q 'No log has shown'",
        );
    }
}

/// The stand-in for `systemctl` keeps a service from writing nowhere; the units' sandbox does.
#[test]
fn the_units_let_their_services_write_to_every_folder_that_the_page_names() {
    let units = ["quorate", "quorate-witness"].map(|unit| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../packaging/systemd");
        fs::read_to_string(folder.join(format!("{unit}.service"))).unwrap()
    });
    let given = units.iter().flat_map(|unit| unit.lines());
    let given = given.filter_map(|line| line.strip_prefix("StateDirectory="));
    let given: Vec<&str> = given.flat_map(|names| names.split(' ')).collect();
    let named = PAGE.split("/var/lib/").skip(1).map(|rest| {
        let rest = rest.strip_prefix("private/").unwrap_or(rest);
        let end = rest.find(|c: char| !(c.is_ascii_lowercase() || c == '-'));
        &rest[..end.unwrap_or(rest.len())]
    });
    // Where the operator, not the service, put the old state.
    let named: Vec<&str> = named.filter(|name| *name != "quorate-lost").collect();
    assert!(named.len() > 5, "{named:?}");
    for name in named {
        assert!(
            given.contains(&name),
            "/var/lib/{name} is no state directory of a unit"
        );
    }
}

/// No command stands outside the blocks that run.
#[test]
fn the_page_has_no_commands_that_no_test_runs() {
    let kinds: Vec<&str> = PAGE.lines().filter_map(|l| l.strip_prefix("```")).collect();
    for pair in kinds.chunks(2) {
        assert!(matches!(pair, ["sh" | "ini", ""]), "{pair:?}");
    }
}
