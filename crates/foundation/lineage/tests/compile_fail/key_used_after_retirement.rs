use quorate_lineage::SigningKey;

fn sign(key: SigningKey) -> [u8; 64] {
    let _gone = key.retire();
    key.sign(b"message")
}

fn main() {}
