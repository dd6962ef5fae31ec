//! Key lineage: inception, pre-committed rotation, role keys, retirement.
