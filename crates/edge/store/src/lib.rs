//! Scrolls on disk: JSONL record, commit journal, tiles, look-ups, snapshots.
