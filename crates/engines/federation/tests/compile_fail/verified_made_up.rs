use quorate_federation::{FederationAgreement, Signed, SignedAgreement, TrustProposal, Verified};

fn proposal(signed: Signed<TrustProposal>) -> Verified<TrustProposal> {
    Verified(signed)
}

fn agreement(signed: SignedAgreement) -> FederationAgreement {
    FederationAgreement(signed)
}

fn main() {}
