use quorate_lineage::SigningKey;

fn copy(key: &SigningKey) -> SigningKey {
    key.clone()
}

fn main() {}
