//! The command line without a node: help, usage errors, everything that fails before anything is opened.

mod runner;

#[test]
fn sessions_without_a_node() {
    runner::run_all("offline");
}
