use quorate_federation::permit::ReadSharedReceipts;
use quorate_federation::{MeshId, State};
use quorate_receipt::Timestamp;

fn unbound(state: &State, peer: &MeshId, now: Timestamp) {
    let _ = state.permit::<ReadSharedReceipts>(peer, now);
}

fn main() {}
