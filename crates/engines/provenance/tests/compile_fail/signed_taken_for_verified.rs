use quorate_provenance::{Opening, Signed, Step, Verified};

fn unchecked(opening: Signed<Opening>, step: Signed<Step>) {
    let _: Result<Verified<Step>, _> = step.verify(&opening);
}

fn main() {}
