//! Policies, good and bad.

use crate::cases::Cases;
use crate::world::policy_text;

pub(crate) fn add(cases: &mut Cases) {
    let three = policy_text();
    for (name, text) in [
        ("policy", three.as_str()),
        ("policy that asks nobody", "quorum none\n"),
        (
            "policy with three mistakes",
            "log x\nwitness w\r\ngroup g 3 a b\nquorum q\n",
        ),
        ("nothing", ""),
    ] {
        cases.push(name, "checkPolicy", vec![text.into()], "accepted");
    }
}
