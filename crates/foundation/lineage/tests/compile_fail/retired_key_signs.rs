use quorate_lineage::RetiredKey;

fn sign(key: &RetiredKey) -> [u8; 64] {
    key.sign(b"message")
}

fn main() {}
