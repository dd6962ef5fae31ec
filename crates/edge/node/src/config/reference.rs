//! Every key of the configuration, in words: what `quorate config reference` prints and docs/config.md is made from.
//!
//! Tests hold it against the types that read the file: no key is missing here, none is here that is not read.

/// One key.
#[derive(Debug, Clone, Copy)]
pub struct ConfigKey {
    /// The key with its tables, such as `witness.seed_files`.
    pub name: &'static str,
    /// Type, unit and range.
    pub kind: &'static str,
    /// What holds if nobody says anything.
    pub default: &'static str,
    /// The environment variable that is stronger than the file.
    pub variable: Option<&'static str>,
    /// The flag that is stronger than both, and whose command has it.
    pub flag: Option<&'static str>,
    /// What it does.
    pub what: &'static str,
    /// What happens if it is wrong.
    pub wrong: &'static str,
    /// A line of TOML that sets it, for people and for the test that it is read. Tables are in front.
    pub example: &'static str,
    /// TOML that is refused, and a part of the reason that is given.
    pub refused: &'static [(&'static str, &'static str)],
}

/// A variable of the environment that stands for no key.
#[derive(Debug, Clone, Copy)]
pub struct ConfigVariable {
    /// Its name.
    pub name: &'static str,
    /// What it does.
    pub what: &'static str,
}

/// All keys, in the order of a file.
pub const CONFIG_KEYS: &[ConfigKey] = &[
    ConfigKey {
        name: "data_dir",
        kind: "path",
        default: "$XDG_DATA_HOME/quorate, or else ~/.local/share/quorate",
        variable: Some("QUORATE_DATA_DIR"),
        flag: Some("--data-dir"),
        what: "Where everything is: logs, keys, state, the operator's socket. One directory has one node.",
        wrong: "A directory that holds something else, that another process has open, or whose socket's path would be too long for the system is refused, and nothing in it is changed. Without any of the three and without HOME, nothing starts.",
        example: "data_dir = \"/var/lib/quorate\"",
        refused: &[("data_dir = 7", "invalid type: integer `7`")],
    },
    ConfigKey {
        name: "listen",
        kind: "address:port",
        default: "127.0.0.1:8484; for 'witness serve' none, only the socket",
        variable: Some("QUORATE_LISTEN"),
        flag: Some("up, witness serve: --listen"),
        what: "Where the HTTP API and the console are. It is plain HTTP: on any other address than loopback put a proxy that terminates TLS in front, or tokens travel in the clear. Port 0 takes a free one and prints it.",
        wrong: "A name instead of an address is refused. An address that cannot be taken stops the start with exit code 3; of a first start nothing is left.",
        example: "listen = \"10.77.0.1:8484\"",
        refused: &[(
            "listen = \"localhost:8484\"",
            "invalid socket address syntax",
        )],
    },
    ConfigKey {
        name: "origin_prefix",
        kind: "text: a domain you own, with a path if you like",
        default: "the node's fingerprint",
        variable: Some("QUORATE_ORIGIN_PREFIX"),
        flag: Some("up: --origin-prefix"),
        what: "Begins the origin of scrolls made from now on: PREFIX/NAME, by which the whole world knows the log. A scroll keeps the origin that it was made with.",
        wrong: "With a prefix that no origin can begin with, a first start is refused, and later no scroll can be made.",
        example: "origin_prefix = \"log.example.org\"",
        refused: &[("origin_prefix = []", "invalid type: sequence")],
    },
    ConfigKey {
        name: "hosts",
        kind: "list of host names",
        default: "none besides the address and localhost",
        variable: None,
        flag: Some("up, witness serve: --host (adds one)"),
        what: "Names under which requests may ask for the API, such as that of the proxy in front. A page on another name cannot reach it, whatever the name system says.",
        wrong: "A request under a name that is not listed gets 421.",
        example: "hosts = [\"log.example.org\"]",
        refused: &[("hosts = \"log.example.org\"", "expected a sequence")],
    },
    ConfigKey {
        name: "checkpoint_interval_ms",
        kind: "milliseconds, 1 to 3600000",
        default: "100",
        variable: Some("QUORATE_CHECKPOINT_INTERVAL_MS"),
        flag: None,
        what: "At most so long after an entry became durable, a head that covers it is signed. Who asks for a proof does not wait for it.",
        wrong: "Any other number is refused.",
        example: "checkpoint_interval_ms = 250",
        refused: &[
            (
                "checkpoint_interval_ms = 0",
                "must be between 1 and 3600000, not 0",
            ),
            (
                "checkpoint_interval_ms = 3600001",
                "must be between 1 and 3600000",
            ),
        ],
    },
    ConfigKey {
        name: "policy",
        kind: "path",
        default: "none: the node is unwitnessed, and says so everywhere",
        variable: Some("QUORATE_POLICY"),
        flag: Some("up: --policy"),
        what: "The policy whose quorum of witnesses must co-sign every head of every scroll (docs/policy.md).",
        wrong: "A file that cannot be read stops the start with exit code 3; one that is no policy, names a witness without a usable URL, or lists a key of this node with 1. A node that had a policy does not start without one; 'quorum none' in a policy gives it up.",
        example: "policy = \"/etc/quorate/quorum.policy\"",
        refused: &[("policy = false", "invalid type: boolean")],
    },
    ConfigKey {
        name: "more_cosignatures_ms",
        kind: "milliseconds, 0 to 60000",
        default: "200",
        variable: None,
        flag: None,
        what: "Once enough witnesses co-signed a head, the others are waited for so long before it is published, unless somebody waits for it.",
        wrong: "Any other number is refused.",
        example: "more_cosignatures_ms = 500",
        refused: &[(
            "more_cosignatures_ms = 60001",
            "must be at most 60000, not 60001",
        )],
    },
    ConfigKey {
        name: "longest_checkpoint_wait_ms",
        kind: "milliseconds, 1 to 86400000",
        default: "10000",
        variable: None,
        flag: None,
        what: "While an entry has waited longer for a checkpoint, /healthz is 503 and says so.",
        wrong: "Any other number is refused. Less than checkpoint_interval_ms calls a node ill that is not.",
        example: "longest_checkpoint_wait_ms = 20000",
        refused: &[(
            "longest_checkpoint_wait_ms = 0",
            "longest_checkpoint_wait_ms must be between 1 and 86400000, not 0",
        )],
    },
    ConfigKey {
        name: "longest_quorum_wait_ms",
        kind: "milliseconds, 1 to 86400000",
        default: "60000",
        variable: None,
        flag: None,
        what: "While an entry has waited longer for its quorum, /healthz is 503 and names the witnesses that are missing.",
        wrong: "Any other number is refused.",
        example: "longest_quorum_wait_ms = 120000",
        refused: &[(
            "longest_quorum_wait_ms = 86400001",
            "longest_quorum_wait_ms must be between 1 and 86400000",
        )],
    },
    ConfigKey {
        name: "verify_kib_per_second",
        kind: "KiB a second, 0 to 4294967295",
        default: "4096",
        variable: None,
        flag: None,
        what: "So much is verified by POST /verify for all callers without credentials together, and one file at a time. A file of 64 MiB may come at once. 4096 is some 6,000 steps, a quarter of a core. 0: only callers with credentials are answered.",
        wrong: "Any other number is refused.",
        example: "verify_kib_per_second = 1024",
        refused: &[("verify_kib_per_second = -1", "invalid value: integer `-1`")],
    },
    ConfigKey {
        name: "follow",
        kind: "list of tables [[follow]]",
        default: "none",
        variable: None,
        flag: Some("up: --follow (adds one)"),
        what: "Files whose lines are appended to a scroll as they are written, across rotation and restart.",
        wrong: "A scroll that does not exist stops the start: a misspelt name must not make one. A file that does not exist yet is waited for.",
        example: "[[follow]]\nfile = \"/var/log/dpkg.log\"\nscroll = \"Packages\"",
        refused: &[(
            "[follow]\nfile = \"a\"\nscroll = \"A\"",
            "invalid type: map",
        )],
    },
    ConfigKey {
        name: "follow.file",
        kind: "path",
        default: "has to be given",
        variable: None,
        flag: Some("up: --follow"),
        what: "The file.",
        wrong: "Without it the configuration is refused.",
        example: "[[follow]]\nscroll = \"Packages\"\nfile = \"/var/log/dpkg.log\"",
        refused: &[("[[follow]]\nscroll = \"A\"", "missing field `file`")],
    },
    ConfigKey {
        name: "follow.scroll",
        kind: "name of a scroll",
        default: "has to be given",
        variable: None,
        flag: Some("up: --scroll, behind its --follow"),
        what: "Where the lines go. A scroll of its own: following begins with the file's first line.",
        wrong: "See follow.",
        example: "[[follow]]\nfile = \"/var/log/dpkg.log\"\nscroll = \"Packages\"",
        refused: &[("[[follow]]\nfile = \"a\"", "missing field `scroll`")],
    },
    ConfigKey {
        name: "follow.raw",
        kind: "true or false",
        default: "false: lines are JSON receipts",
        variable: None,
        flag: Some("up: --raw, behind its --follow"),
        what: "Lines are any text: receipts {\"type\":\"log_line\",\"line\":…}, or the entries of a raw scroll.",
        wrong: "A line that cannot be an entry, such as text where receipts are expected, leaves a follow_rejected receipt with its hash and the reason.",
        example: "[[follow]]\nfile = \"/var/log/dpkg.log\"\nscroll = \"Packages\"\nraw = true",
        refused: &[(
            "[[follow]]\nfile = \"a\"\nscroll = \"A\"\nraw = 1",
            "expected a boolean",
        )],
    },
    ConfigKey {
        name: "flow",
        kind: "list of tables [[flow]]",
        default: "none: steps of sessions are recorded whatever they derive from",
        variable: None,
        flag: None,
        what: "Rules about integrity: a step of a session that derives from what a rule keeps out is refused (docs/provenance.md). What is recorded already stays.",
        wrong: "A rule that asks for nothing is refused.",
        example: "[[flow]]\nkind = \"tool_call\"\nname = \"deploy\"\nwithout = [\"web\"]",
        refused: &[
            ("[flow]\nkind = \"artifact\"", "invalid type: map"),
            (
                "[[flow]]\nkind = \"tool_call\"\nname = \"deploy\"",
                "it asks for nothing",
            ),
        ],
    },
    ConfigKey {
        name: "flow.kind",
        kind: "tool_call, artifact or payload",
        default: "has to be given",
        variable: None,
        flag: None,
        what: "What the rule is about: steps of this kind, or the payload that a closing binds, which derives from every step of its session.",
        wrong: "Any other kind is refused.",
        example: "[[flow]]\nname = \"release.json\"\nrequire = \"untrusted\"\nkind = \"artifact\"",
        refused: &[(
            "[[flow]]\nkind = \"note\"\nname = \"a\"\nwithout = [\"web\"]",
            "kind \"note\" is none of tool_call, artifact, payload",
        )],
    },
    ConfigKey {
        name: "flow.name",
        kind: "name of the tool or artifact; \"*\" for any",
        default: "has to be given for a tool or an artifact; a payload has none",
        variable: None,
        flag: None,
        what: "Which step of that kind.",
        wrong: "Without it the configuration is refused: a rule about everything must say so. A name for a payload is refused.",
        example: "[[flow]]\nkind = \"tool_call\"\nwithout = [\"web\"]\nname = \"deploy\"",
        refused: &[
            (
                "[[flow]]\nkind = \"artifact\"\nwithout = [\"web\"]",
                "it has no name",
            ),
            (
                "[[flow]]\nkind = \"payload\"\nname = \"a\"\nwithout = [\"web\"]",
                "a payload has no name",
            ),
        ],
    },
    ConfigKey {
        name: "flow.require",
        kind: "trusted, untrusted or adversarial",
        default: "none",
        variable: None,
        flag: None,
        what: "The lowest level of integrity that it may have: that of the lowest source it derives from.",
        wrong: "Any other level is refused; and `adversarial` without `without`, because it asks for nothing.",
        example: "[[flow]]\nkind = \"tool_call\"\nname = \"deploy\"\nwithout = [\"web\"]\nrequire = \"trusted\"",
        refused: &[(
            "[[flow]]\nkind = \"tool_call\"\nname = \"deploy\"\nrequire = \"high\"",
            "require \"high\" is none of",
        )],
    },
    ConfigKey {
        name: "flow.without",
        kind: "list of user, operator, local_file, memory, rag_index, web, tool, undeclared",
        default: "none",
        variable: None,
        flag: None,
        what: "Classes of sources that it must not derive from.",
        wrong: "Any other class is refused.",
        example: "[[flow]]\nkind = \"tool_call\"\nname = \"deploy\"\nrequire = \"untrusted\"\nwithout = [\"tool\"]",
        refused: &[(
            "[[flow]]\nkind = \"tool_call\"\nname = \"deploy\"\nwithout = [\"internet\"]",
            "without \"internet\" is no class of sources",
        )],
    },
    ConfigKey {
        name: "witness",
        kind: "table [witness]",
        default: "none: the node co-signs for nobody",
        variable: None,
        flag: Some("witness serve"),
        what: "Makes the node a witness for other logs (docs/witness.md).",
        wrong: "Without a key, or with a key that signed under another name before, it does not start.",
        example: "[witness]\nname = \"witness.example/a\"",
        refused: &[("witness = true", "invalid type: boolean")],
    },
    ConfigKey {
        name: "witness.name",
        kind: "key name: a domain you own, one name for each witness",
        default: "has to be given",
        variable: None,
        flag: Some("witness serve: --witness-name"),
        what: "The name under which it co-signs. A key has one name for ever.",
        wrong: "Without it there is no witness, and the configuration is refused.",
        example: "[witness]\nname = \"witness.example/a\"",
        refused: &[("[witness]", "it has no name")],
    },
    ConfigKey {
        name: "witness.listen",
        kind: "address:port",
        default: "for 'witness serve' 0.0.0.0:8443, for 'up' none: the calls are under /witness of the API",
        variable: None,
        flag: Some("witness serve: --bind"),
        what: "An address for the calls of C2SP tlog-witness alone, in plain HTTP.",
        wrong: "As listen.",
        example: "[witness]\nname = \"witness.example/a\"\nlisten = \"10.77.0.11:8443\"",
        refused: &[(
            "[witness]\nname = \"a\"\nlisten = \":8443\"",
            "invalid socket address syntax",
        )],
    },
    ConfigKey {
        name: "witness.seed_files",
        kind: "list of paths, each a file with 64 hexadecimal digits, mode 0600",
        default: "none",
        variable: Some("QUORATE_WITNESS_SEED_HEX"),
        flag: Some("witness serve: --seed-file (repeatable)"),
        what: "Ed25519 seeds; two while a key is being replaced. The variable is the seed itself. What is stronger replaces the whole list: an old seed elsewhere must not sign beside the one that was meant.",
        wrong: "A file that others can read, or that holds something else, stops the start. One in the folder of systemd's credentials may have mode 0440.",
        example: "[witness]\nname = \"witness.example/a\"\nseed_files = [\"/etc/quorate/ed25519.seed\"]",
        refused: &[(
            "[witness]\nname = \"a\"\nseed_files = \"x\"",
            "expected a sequence",
        )],
    },
    ConfigKey {
        name: "witness.ml_dsa_seed_files",
        kind: "list of paths, as seed_files",
        default: "none: it signs with Ed25519 only",
        variable: Some("QUORATE_WITNESS_ML_DSA_SEED_HEX"),
        flag: Some("witness serve: --ml-dsa-seed-file (repeatable)"),
        what: "ML-DSA-44 seeds.",
        wrong: "As seed_files.",
        example: "[witness]\nname = \"witness.example/a\"\nml_dsa_seed_files = [\"/etc/quorate/ml-dsa-44.seed\"]",
        refused: &[(
            "[witness]\nname = \"a\"\nml_dsa_seed_files = \"x\"",
            "expected a sequence",
        )],
    },
    ConfigKey {
        name: "witness.ssh_agent",
        kind: "path of a socket",
        default: "none",
        variable: None,
        flag: Some("witness serve: --ssh-agent"),
        what: "An ssh-agent that keeps the Ed25519 key, and perhaps hardware behind it.",
        wrong: "An agent without agent_keys is refused. One that does not answer, or has not the key, stops the start.",
        example: "[witness]\nname = \"witness.example/a\"\nssh_agent = \"/run/agent.sock\"\nagent_keys = [\"SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"]",
        refused: &[(
            "[witness]\nname = \"a\"\nssh_agent = \"/run/agent.sock\"",
            "no key to use there",
        )],
    },
    ConfigKey {
        name: "witness.agent_keys",
        kind: "list of public keys: 64 hexadecimal digits, or SHA256:… as 'ssh-add -l' prints it",
        default: "none",
        variable: None,
        flag: Some("witness serve: --agent-key (repeatable)"),
        what: "Which keys of the agent co-sign.",
        wrong: "Keys without an agent, or text that is no key, are refused.",
        example: "[witness]\nname = \"witness.example/a\"\nssh_agent = \"/run/agent.sock\"\nagent_keys = [\"SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"]",
        refused: &[
            (
                "[witness]\nname = \"a\"\nagent_keys = [\"SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"]",
                "no agent",
            ),
            (
                "[witness]\nname = \"a\"\nssh_agent = \"/s\"\nagent_keys = [\"key\"]",
                "neither 64 lower-case hex digits nor SHA256:",
            ),
        ],
    },
    ConfigKey {
        name: "witness.logs",
        kind: "list of tables [[witness.logs]]",
        default: "none",
        variable: None,
        flag: Some("witness serve: --origin (adds one)"),
        what: "Logs to follow from the start. They are added to those that are followed, and change nothing that the operator did since; 'quorate witness add-log' adds one while it runs.",
        wrong: "A log that cannot be followed stops the start.",
        example: "[witness]\nname = \"witness.example/a\"\n[[witness.logs]]\nvkey = \"log.example+f262365d+ASvCgAszFuAJIJ/9dX2rGczwroS8eukGVOHoFxLScPZT\"",
        refused: &[(
            "[witness]\nname = \"a\"\nlogs = [\"x\"]",
            "invalid type: string",
        )],
    },
    ConfigKey {
        name: "witness.logs.vkey",
        kind: "vkey (C2SP signed-note)",
        default: "has to be given",
        variable: None,
        flag: Some("witness serve: --origin"),
        what: "A key of the log. One table for each key of a log that has several.",
        wrong: "Text that is no key of a log stops the start.",
        example: "[witness]\nname = \"witness.example/a\"\n[[witness.logs]]\nvkey = \"log.example+f262365d+ASvCgAszFuAJIJ/9dX2rGczwroS8eukGVOHoFxLScPZT\"",
        refused: &[(
            "[witness]\nname = \"a\"\n[[witness.logs]]",
            "missing field `vkey`",
        )],
    },
    ConfigKey {
        name: "witness.logs.origin",
        kind: "text",
        default: "the key's name",
        variable: None,
        flag: Some("witness serve: --origin"),
        what: "The log's origin, where its key has another name.",
        wrong: "The log's checkpoints are then another log's: 404.",
        example: "[witness]\nname = \"witness.example/a\"\n[[witness.logs]]\nvkey = \"log.example+f262365d+ASvCgAszFuAJIJ/9dX2rGczwroS8eukGVOHoFxLScPZT\"\norigin = \"log.example/prod\"",
        refused: &[(
            "[witness]\nname = \"a\"\n[[witness.logs]]\nvkey = \"k\"\norigin = 1",
            "invalid type: integer",
        )],
    },
];

/// Variables that are read besides those of keys. Any other that begins with `QUORATE_` is refused.
pub const CONFIG_VARIABLES: &[ConfigVariable] = &[
    ConfigVariable {
        name: "QUORATE_CONFIG",
        what: "The configuration file, where --config names none.",
    },
    ConfigVariable {
        name: "QUORATE_LOG",
        what: "What the log on standard error says: error, warn, info (the default), debug or trace, also by module, such as quorate_node=debug.",
    },
    ConfigVariable {
        name: "QUORATE_LOG_FORMAT",
        what: "How it says so: text (the default), or json for one object a line.",
    },
    ConfigVariable {
        name: "NUCLEUS_WITNESS_SEED_HEX",
        what: "An Ed25519 seed, where QUORATE_WITNESS_SEED_HEX is not set: the name that the split-trust guide uses.",
    },
    ConfigVariable {
        name: "QUORATE_SOAK_SECONDS",
        what: "How long each soak test runs. No command reads it.",
    },
];

/// Whether a variable is read by anything.
pub(super) fn is_variable(name: &str) -> bool {
    let of_keys = CONFIG_KEYS.iter().filter_map(|key| key.variable);
    of_keys
        .chain(CONFIG_VARIABLES.iter().map(|v| v.name))
        .any(|known| known == name)
}
