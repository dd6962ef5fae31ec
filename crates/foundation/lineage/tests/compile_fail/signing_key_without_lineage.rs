use quorate_lineage::{Role, SigningKey};
use quorate_note::ed25519::SecretKey;

fn main() {
    let _key = SigningKey::new(Role::Log, SecretKey::from_seed([0; 32]));
}
