//! The `quorate` command.

#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    quorate_cli::main(std::env::args_os())
}
