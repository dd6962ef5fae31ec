//! A bar on long work, when a person looks at stderr.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::out::Out;

/// A bar over `length` octets, or a counter where the length is not known. Hidden where no person looks.
pub(crate) fn bar(length: Option<u64>, out: Out) -> ProgressBar {
    use std::io::IsTerminal as _;
    if out.json() || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(length, ProgressDrawTarget::stderr_with_hz(10));
    let style = match length {
        Some(_) => ProgressStyle::with_template(
            "  {wide_bar:.dim} {binary_bytes} of {binary_total_bytes}, {binary_bytes_per_sec}, {eta} left",
        ),
        None => ProgressStyle::with_template("  {binary_bytes} read, {binary_bytes_per_sec}"),
    };
    // The templates are constants; a bar in the default style is no reason to fail.
    if let Ok(style) = style {
        bar.set_style(style.progress_chars("━╸─"));
    }
    bar
}
