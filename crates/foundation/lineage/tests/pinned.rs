//! The written form of events is fixed: other people's lineages are replayed from it.

mod support;

use support::{begin, event, heads, inception, next, rich, rotation};

const INCEPTION: &str = concat!(
    r#"{"next":"blake3:220f3f336a369130c297bcf41008afc9bf5431c82fe704459b5c7dc1bfff63b9","node":""#,
    r#"ed25519:z6MkmawzGao7nxWoF8AF8nQcsyVEbY7vP2guvHzRYPCKi6zh","root_hash":"blake3:0b1664d625a6"#,
    r#"8f05a9c115591922c802a041811d8d897e2c2876655407146919","rules":1,"seq":0,"signatures":{"ide"#,
    r#"ntity":"z58qTCSq3nCsE7uGWtU1RGnVmqRELZPi9tWbGkhzt1TEnrW1TSc3tDp2DgEW9uzFp33pj4jMLbVXyZDscN"#,
    r#"rg3FE4J"},"tags":["identity","key","inception"],"timestamp":"2026-11-18T11:06:40Z","type":"#,
    r#""key_inception"}"#,
);

const ROTATION: &str = concat!(
    r#"{"heads":{"Identity":{"head":"blake3:3f0eaec45b1869ec5b89a10d22543a5716df330e2d545d2a3cb31"#,
    r#"dcd12654dbd","size":1}},"next":"blake3:cf74fa5525e7bcb8aed3e917f61e01fd4b67ce8156927b60b8f"#,
    r#"f428abf214b6b","node":"ed25519:z6MkmawzGao7nxWoF8AF8nQcsyVEbY7vP2guvHzRYPCKi6zh","outgoing"#,
    r#"":"ed25519:z6MkmawzGao7nxWoF8AF8nQcsyVEbY7vP2guvHzRYPCKi6zh","prev":"blake3:fb4aaa34d32c98"#,
    r#"c4b16467fe2da631098f2b609b67fd2be2cac6f07446bb348f","reason":"scheduled","revealed":"ed255"#,
    r#"19:z6Mkj1h2AVXWdHnVgzFLqGcAoSRh8tF8FMRykTddvbUheoHx","root_hash":"blake3:84b426723ec01cd48"#,
    r#"e0deece188c550617270b4c5eb86133fb7f2f517534782a","salt":"2f0bed71a5fa13209321507f17f96c9bd"#,
    r#"de2ff0256b08dcf86fceb3598716fb6","seq":1,"signatures":{"outgoing":"z3sXU6bB7bYYiCzWgzHBtbC"#,
    r#"foeVs9YxUqDnS9K1fXjA21YcJ6tTDqcdC9UW3aQ3HEMZ5L5quEkKuHyYcYiJ2Ehwgo","revealed":"z2N3caENkd"#,
    r#"HjKzM2cuJbDr6sLqDdPZ2L3SQS9WZUzWyNH9E4Vw4Sj4CYGyKpdyhceMeKN6srmsJnGBpj5GmJQoX1M"},"tags":["#,
    r#""identity","key","rotation"],"timestamp":"2026-11-18T11:06:41Z","type":"key_rotation"}"#,
);

const ROLE_KEY: &str = concat!(
    r#"{"by":"ed25519:z6MkmawzGao7nxWoF8AF8nQcsyVEbY7vP2guvHzRYPCKi6zh","heads":{"Identity":{"hea"#,
    r#"d":"blake3:3f0eaec45b1869ec5b89a10d22543a5716df330e2d545d2a3cb31dcd12654dbd","size":1}},"k"#,
    r#"eys":{"ed25519":"ed25519:z6Mko7CBGWtXBchMW6qXhAzwk7fhEksvGGU5xu8mFcxFgZJF"},"node":"ed2551"#,
    r#"9:z6MkmawzGao7nxWoF8AF8nQcsyVEbY7vP2guvHzRYPCKi6zh","prev":"blake3:53ffed75ca0e0d6fd7d9038"#,
    r#"4ade41f6d2cfd6d0adc5958337e1ff26590ea35df","role":"transport","root_hash":"blake3:3eee2fce"#,
    r#"5de821a023dea53e9bba257047087647718bf42a34be9c9e1e9c66a1","seq":2,"signatures":{"identity""#,
    r#":"z5kfFYS1VB6BPfGPqY8TiSUYhhqaW3scT51zi1vfq9Q4qJdX8kdjf4CuoCyvaWATyfKZtsw686qTMovfHB1aadd8"#,
    r#"R","role":"z3f1zf8g4UHZaxgqtJZYnfsEvjMg39pibHPDgzWNabhYaP4gaWf5qPvQQB8VrQHNXxu5FyV6qk3z8Va"#,
    r#"jpL7tiz5hE"},"tags":["identity","key","transport"],"timestamp":"2026-11-18T11:08:21Z","typ"#,
    r#"e":"role_key"}"#,
);

const ROLE_RETIRED: &str = concat!(
    r#"{"by":"ed25519:z6Mkj1h2AVXWdHnVgzFLqGcAoSRh8tF8FMRykTddvbUheoHx","heads":{"Compliance":{"h"#,
    r#"ead":"blake3:ede958b3a61baa8c93a99455d61853335519773124d338700f631a927019460d","size":10},"#,
    r#""Identity":{"head":"blake3:f26f9e45868d0030263a31e006496f882c414261dffaaa54f2f86ebafb9ab58"#,
    r#"a","size":5}},"key":"ed25519:z6MkpGfXkjWooB9VEtS1QHF6xcarxT9aiKVShQahZsvFAXFY","node":"ed2"#,
    r#"5519:z6MkmawzGao7nxWoF8AF8nQcsyVEbY7vP2guvHzRYPCKi6zh","prev":"blake3:24eb85d8ec73487b04fb"#,
    r#"bab89748460086bd0fcdc3bfa76c8bc61ca1829f8080","reason":"scheduled","role":"log","root_hash"#,
    r#"":"blake3:f08e5b320f21142e3952a8ead176f84409be45bccf8ff688268f27a8ad813c9f","seq":5,"signa"#,
    r#"tures":{"identity":"z51CBau4jAQLVGYj2jJVh77hPxMUQCCkQpbcBwJKk5uZg4yJQGwvGtkh2GVojnqXK6M7ur"#,
    r#"Mtjr6PFS5yfNKYuk9Rd"},"tags":["identity","key","log","retired"],"timestamp":"2026-11-18T11"#,
    r#":08:20Z","type":"role_retired"}"#,
);

#[test]
fn events_are_written_as_ever() {
    assert_eq!(inception().text(), INCEPTION);
    assert_eq!(
        rotation(&begin(), 0, heads(&[("Identity", 1)])).text(),
        ROTATION
    );
    let (_, receipts) = rich();
    assert_eq!(receipts[2].text(), ROLE_KEY);
    assert_eq!(receipts[5].text(), ROLE_RETIRED);
}

#[test]
fn events_hash_as_ever() {
    assert_eq!(
        event(&inception()).hash().to_string(),
        "blake3:fb4aaa34d32c98c4b16467fe2da631098f2b609b67fd2be2cac6f07446bb348f"
    );
}

#[test]
fn the_next_key_is_written_as_ever() {
    assert_eq!(
        *next(1).to_text(),
        concat!(
            "quorate next identity key v1\n",
            "seed: a4b6064b23dbaa408b171b0fed5628afa267ef40a4f5a806ae2405e85fa6f1c4\n",
            "salt: 2f0bed71a5fa13209321507f17f96c9bdde2ff0256b08dcf86fceb3598716fb6\n",
            "commitment: blake3:220f3f336a369130c297bcf41008afc9bf5431c82fe704459b5c7dc1bfff63b9\n",
        )
    );
}
