use std::marker::PhantomData;

use quorate_federation::permit::ReadSharedReceipts;
use quorate_federation::{MeshId, Permit, TrustLevel};

fn made_up(peer: MeshId) -> Permit<ReadSharedReceipts> {
    Permit {
        peer,
        level: TrustLevel::Integrate,
        agreement: None,
        scroll: None,
        call: PhantomData,
    }
}

fn main() {}
