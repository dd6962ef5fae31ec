use quorate_lineage::Lineage;

fn another(lineage: Lineage) -> Lineage {
    Lineage {
        records: Vec::new(),
        ..lineage
    }
}

fn main() {}
