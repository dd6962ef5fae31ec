//! C2SP signed notes, verifier keys, checkpoints, co-signatures and tlog-proofs.
