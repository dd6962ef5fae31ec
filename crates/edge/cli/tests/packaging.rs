//! The files in `packaging/`, read by the programs that they are for.
#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot set up its files must stop"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../packaging")
        .join(folder);
    let files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|f| f.unwrap().path())
        .collect();
    assert!(files.len() >= 2, "{files:?}");
    files
}

fn said(done: &Output) -> String {
    let (out, err) = (&done.stdout, &done.stderr);
    format!(
        "{}{}",
        String::from_utf8_lossy(out),
        String::from_utf8_lossy(err)
    )
}

/// What docs/run-your-own-quorum.md says of the units.
#[test]
fn a_service_has_a_user_of_its_own_that_writes_only_its_state_and_has_no_privilege() {
    for file in files("systemd") {
        let text = fs::read_to_string(&file).unwrap();
        for line in [
            "DynamicUser=yes",
            "ProtectSystem=strict",
            "ProtectHome=yes",
            "StateDirectoryMode=0700",
            "UMask=0077",
            "CapabilityBoundingSet=",
            "NoNewPrivileges=yes",
            "Restart=on-failure",
            "RestartPreventExitStatus=1 2",
        ] {
            assert!(
                text.lines().any(|l| l == line),
                "{}: {line}",
                file.display()
            );
        }
    }
}

#[test]
#[ignore = "needs systemd-analyze"]
fn systemd_reads_the_units_and_finds_little_that_they_expose() {
    let folder = tempfile::tempdir().unwrap();
    for file in files("systemd") {
        let text = fs::read_to_string(&file).unwrap();
        let installed = folder.path().join(file.file_name().unwrap());
        fs::write(
            &installed,
            text.replace("/usr/bin/quorate", env!("CARGO_BIN_EXE_quorate")),
        )
        .unwrap();
        let done = Command::new("systemd-analyze")
            .arg("verify")
            .arg(&installed)
            .output()
            .unwrap();
        assert!(
            done.status.success() && said(&done).is_empty(),
            "{}",
            said(&done)
        );
        // Of 100. What is left is the network, which a log and a witness need.
        let done = Command::new("systemd-analyze")
            .args(["security", "--offline=true", "--threshold=15", "--no-pager"])
            .arg(&installed)
            .output()
            .unwrap();
        assert!(done.status.success(), "{}", said(&done));
    }
}

#[test]
#[ignore = "needs nft, and root for it"]
fn nftables_reads_the_rules() {
    for file in files("nftables") {
        let done = Command::new("nft")
            .args(["-c", "-f"])
            .arg(&file)
            .output()
            .unwrap();
        assert!(done.status.success(), "{}: {}", file.display(), said(&done));
    }
}
