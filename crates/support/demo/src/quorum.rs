//! `quorate-demo quorum`: a log, three witnesses in three failure domains, and an attacker who holds ever more of it.

mod acts;
mod scene;
mod summary;

use crate::failure::Result;
use crate::process::Place;
use crate::screen::Screen;

use scene::Scene;

/// The witnesses' failure domains, as the policy's domains file labels them.
pub(crate) struct Domain {
    pub(crate) name: &'static str,
    pub(crate) region: &'static str,
    pub(crate) cloud: &'static str,
    pub(crate) account: &'static str,
    pub(crate) key_store: &'static str,
}

/// The example of docs/policy.md.
pub(crate) const DOMAINS: [Domain; 3] = [
    Domain {
        name: "aws-use1",
        region: "us-east-1",
        cloud: "aws",
        account: "aws-1234",
        key_store: "kms-aws-1234",
    },
    Domain {
        name: "gcp-euw1",
        region: "europe-west1",
        cloud: "gcp",
        account: "acme-witness",
        key_store: "kms-gcp-euw1",
    },
    Domain {
        name: "fly-iad",
        region: "iad",
        cloud: "fly",
        account: "acme-personal",
        key_store: "vault-fly",
    },
];

/// Runs all acts. Stops at the first promise that is not kept.
pub(crate) fn run(place: &Place, screen: &Screen, lines: &str, kept: bool) -> Result<()> {
    screen.title("A quorum of your own: 2 of 3 witnesses, each in a failure domain of its own")?;
    screen
        .plain("A log and its witnesses are four processes, each with its own state and keys.")?;
    let dir = place.dir().display();
    screen.plain(&if kept {
        format!("{dir} keeps everything.")
    } else {
        format!("{dir} holds everything and is removed at the end.")
    })?;
    let mut scene = Scene::new(place, screen);
    acts::set_up(&mut scene, lines)?;
    let snapshot = acts::rewind(&mut scene)?;
    acts::fork(&mut scene, snapshot)?;
    acts::one_domain(&mut scene, snapshot)?;
    acts::two_domains(&mut scene, snapshot)?;
    acts::one_domain_and_a_late_witness(&mut scene)?;
    summary::print(screen)
}
