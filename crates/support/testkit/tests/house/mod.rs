//! Reads the workspace as data: crates, their dependencies, their sources. Shared by the house-rule tests.
#![allow(dead_code, reason = "each test binary uses its own part")]
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "test helper: a broken tree must stop the test"
)]

pub(crate) mod code;

use std::fs;
use std::path::{Path, PathBuf};

/// The workspace root.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(3)
        .expect("testkit lies three folders below the root")
        .to_path_buf()
}

/// The text of a file named relative to the workspace root.
pub(crate) fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// One crate of the workspace, as its manifest describes it.
pub(crate) struct Member {
    /// Package name.
    pub(crate) name: String,
    /// Folder relative to the workspace root, with `/`.
    pub(crate) folder: String,
    /// The parsed manifest.
    pub(crate) manifest: toml::Table,
}

impl Member {
    /// Package names this crate needs to be built: normal, build and per-target dependencies, renames
    /// resolved. Dev-dependencies are not among them.
    pub(crate) fn dependencies(&self, shared: &toml::Table) -> Vec<String> {
        let mut names = Vec::new();
        let mut collect = |table: Option<&toml::Value>| {
            for (key, value) in table.and_then(toml::Value::as_table).into_iter().flatten() {
                names.push(package_name(key, value, shared));
            }
        };
        for section in ["dependencies", "build-dependencies"] {
            collect(self.manifest.get(section));
            for target in self
                .manifest
                .get("target")
                .and_then(toml::Value::as_table)
                .into_iter()
                .flatten()
            {
                collect(target.1.get(section));
            }
        }
        names
    }

    /// The `.rs` files of the crate below `part` (`src`, `tests`, …), as (path from the root, text).
    pub(crate) fn sources(&self, part: &str) -> Vec<(String, String)> {
        rust_files(&format!("{}/{part}", self.folder))
    }

    /// Every crate root of the package: the library and each binary.
    pub(crate) fn crate_roots(&self) -> Vec<(String, String)> {
        let src = format!("{}/src/", self.folder);
        self.sources("src")
            .into_iter()
            .filter(|(path, _)| {
                let below = path.strip_prefix(&src).unwrap_or(path);
                below == "lib.rs"
                    || below == "main.rs"
                    || (below.starts_with("bin/")
                        && (below.matches('/').count() == 1 || below.ends_with("/main.rs")))
            })
            .collect()
    }
}

fn package_name(key: &str, value: &toml::Value, shared: &toml::Table) -> String {
    let renamed = |v: &toml::Value| {
        v.get("package")
            .and_then(toml::Value::as_str)
            .map(str::to_owned)
    };
    let inherited = value.get("workspace").and_then(toml::Value::as_bool) == Some(true);
    renamed(value)
        .or_else(|| {
            inherited
                .then(|| shared.get(key).and_then(renamed))
                .flatten()
        })
        .unwrap_or_else(|| key.to_owned())
}

/// The root manifest.
pub(crate) fn workspace() -> toml::Table {
    let table: toml::Table = read("Cargo.toml").parse().expect("Cargo.toml parses");
    table["workspace"].as_table().expect("[workspace]").clone()
}

/// `[workspace.dependencies]`.
pub(crate) fn shared_dependencies() -> toml::Table {
    workspace()["dependencies"]
        .as_table()
        .expect("[workspace.dependencies]")
        .clone()
}

/// Every member crate, in the order the root manifest lists them.
pub(crate) fn members() -> Vec<Member> {
    let workspace = workspace();
    let folders = workspace["members"].as_array().expect("members");
    folders
        .iter()
        .map(|folder| {
            let folder = folder.as_str().expect("a member is a path").to_owned();
            let manifest: toml::Table = read(&format!("{folder}/Cargo.toml"))
                .parse()
                .expect("manifest parses");
            let name = manifest["package"]["name"]
                .as_str()
                .expect("package.name")
                .to_owned();
            Member {
                name,
                folder,
                manifest,
            }
        })
        .collect()
}

/// The `.rs` files below a folder, sorted; none if there is no such folder.
pub(crate) fn rust_files(folder: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut todo = vec![root().join(folder)];
    while let Some(dir) = todo.pop() {
        let Ok(entries) = fs::read_dir(&dir) else {
            continue;
        };
        for entry in entries {
            let path = entry.expect("folder entry").path();
            if path.is_dir() {
                if path.file_name().is_none_or(|name| name != "target") {
                    todo.push(path);
                }
            } else if path.extension().is_some_and(|e| e == "rs") {
                let text = fs::read_to_string(&path).expect("source is UTF-8");
                let name = path
                    .strip_prefix(root())
                    .expect("below the root")
                    .to_string_lossy()
                    .replace('\\', "/");
                found.push((name, text));
            }
        }
    }
    found.sort();
    found
}

/// Folders below `crates/` that hold a manifest, relative to the root, sorted.
pub(crate) fn folders_with_manifest() -> Vec<String> {
    let mut found = Vec::new();
    let mut todo = vec![root().join("crates")];
    while let Some(dir) = todo.pop() {
        for entry in fs::read_dir(&dir).expect("crates/ is readable") {
            let path = entry.expect("folder entry").path();
            if path.is_dir() {
                if path.join("Cargo.toml").is_file() {
                    let name = path
                        .strip_prefix(root())
                        .expect("below the root")
                        .to_string_lossy()
                        .replace('\\', "/");
                    found.push(name);
                } else {
                    todo.push(path);
                }
            }
        }
    }
    found.sort();
    found
}
