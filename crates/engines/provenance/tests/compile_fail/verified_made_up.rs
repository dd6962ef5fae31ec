use quorate_provenance::{Opening, Verified};
use quorate_receipt::Receipt;

fn made_up(record: Opening, receipt: &Receipt) -> Verified<Opening> {
    Verified {
        record,
        hash: *receipt.root_hash(),
        timestamp: receipt.timestamp(),
    }
}

fn main() {}
