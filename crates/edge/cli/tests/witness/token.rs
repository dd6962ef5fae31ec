//! A PKCS#11 token with Ed25519 keys: SoftHSM, spoken to with OpenSC's pkcs11-tool.
//!
//! By a program and not by a library that loads the module: not even the tests bring in a crate that loads code (R9).

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where Debian's libsofthsm2 puts it.
const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";
const PIN: &str = "4711";

/// A key pair of a token, by the CKA_ID of both halves.
#[derive(Clone, Copy)]
pub(crate) struct TokenKey(&'static str);

pub(crate) struct Token {
    configuration: PathBuf,
}

impl Token {
    /// A token of its own below `dir`.
    pub(crate) fn new(dir: &Path) -> Self {
        let tokens = dir.join("tokens");
        std::fs::create_dir(&tokens).unwrap();
        let configuration = dir.join("softhsm2.conf");
        let text = format!("directories.tokendir = {}\n", tokens.display());
        std::fs::write(&configuration, text).unwrap();
        let token = Self { configuration };
        let words = [
            "--init-token",
            "--free",
            "--label",
            "witness",
            "--pin",
            PIN,
            "--so-pin",
            PIN,
        ];
        token.run("softhsm2-util", &words, b"");
        token
    }

    fn run(&self, program: &str, words: &[&str], input: &[u8]) -> Vec<u8> {
        let mut child = Command::new(program)
            .args(words)
            .env("SOFTHSM2_CONF", &self.configuration)
            .env("PIN", PIN)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|e| panic!("{program}: {e}; .ci/setup installs softhsm2 and opensc"));
        child.stdin.take().unwrap().write_all(input).unwrap();
        let done = child.wait_with_output().unwrap();
        assert!(
            done.status.success(),
            "{program} {words:?}: {}",
            String::from_utf8_lossy(&done.stderr)
        );
        done.stdout
    }

    fn ask(&self, words: &[&str], input: &[u8]) -> Vec<u8> {
        let login = ["--module", MODULE, "--login", "--pin", "env:PIN"];
        self.run("pkcs11-tool", &[&login, words].concat(), input)
    }

    /// Makes a key pair inside the token.
    pub(crate) fn generate(&self, id: &'static str) -> TokenKey {
        let kind = [
            "--keypairgen",
            "--key-type",
            "EC:edwards25519",
            "--sensitive",
        ];
        self.ask(&[&kind[..], &["--id", id]].concat(), b"");
        TokenKey(id)
    }

    /// What the token says of one half of a key. pkcs11-tool lists all there are.
    fn attributes(&self, key: TokenKey, half: &str) -> String {
        let listed = self.ask(&["--list-objects", "--type", half], b"");
        let listed = String::from_utf8(listed).unwrap();
        let mut objects = listed.split("Key Object;");
        let its = |object: &&str| object.lines().any(|line| value(line, "ID:") == Some(key.0));
        objects.find(its).expect(&listed).to_owned()
    }

    /// What the token says of the access to the private half: CKA_SENSITIVE, CKA_NEVER_EXTRACTABLE and so on.
    pub(crate) fn access(&self, key: TokenKey) -> String {
        let private = self.attributes(key, "privkey");
        let mut lines = private.lines();
        let access = lines.find_map(|line| value(line, "Access:"));
        access.unwrap().to_owned()
    }

    /// The public half, from CKA_EC_POINT, a DER octet string.
    pub(crate) fn public(&self, key: TokenKey) -> [u8; 32] {
        let public = self.attributes(key, "pubkey");
        let mut lines = public.lines();
        let point = lines.find_map(|line| value(line, "EC_POINT:"));
        let raw = point.and_then(|point| point.strip_prefix("0420"));
        crate::process::bytes(raw.unwrap()).try_into().unwrap()
    }

    /// CKM_EDDSA.
    pub(crate) fn sign(&self, key: TokenKey, message: &[u8]) -> Vec<u8> {
        self.ask(&["--sign", "--mechanism", "EDDSA", "--id", key.0], message)
    }
}

/// What follows `name` in a line of attributes.
fn value<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    line.trim().strip_prefix(name).map(str::trim)
}
