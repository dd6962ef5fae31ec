//! Quorum policies: C2SP tlog-policy and the sigsum grammar as one validated tree.
