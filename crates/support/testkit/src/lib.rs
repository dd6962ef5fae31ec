//! Fake disk, whole-log oracle and house rules as tests.
