//! Receipts: RFC 8785 canonical JSON, root_hash, DIDs, multibase keys and scroll names.
