//! A bar on long work, when a person looks at stderr.

use std::fmt;

use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use crate::out::Out;

/// A bar over `length` octets, or a counter where the length is not known. Hidden where no person looks.
pub(crate) fn bar(length: Option<u64>, out: Out) -> ProgressBar {
    let template = match length {
        Some(_) => {
            "  {wide_bar:.dim} {binary_bytes} of {binary_total_bytes}, {binary_bytes_per_sec}, {eta} left"
        }
        None => "  {binary_bytes} read, {binary_bytes_per_sec}",
    };
    draw(length, template, out)
}

/// A bar over a number of files.
pub(crate) fn steps(files: u64, out: Out) -> ProgressBar {
    let template = "  {wide_bar:.dim} {pos} of {len} files, {eta} left";
    draw(Some(files), template, out)
}

/// A bar over a number of entries.
pub(crate) fn entries(out: Out) -> ProgressBar {
    let template = "  {wide_bar:.dim} {human_pos} of {human_len} entries, {rate}, {eta} left";
    draw(Some(0), template, out)
}

fn draw(length: Option<u64>, template: &str, out: Out) -> ProgressBar {
    use std::io::IsTerminal as _;
    if out.json() || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(length, ProgressDrawTarget::stderr_with_hz(10));
    let style = ProgressStyle::with_template(template);
    // The templates are constants; a bar in the default style is no reason to fail.
    if let Ok(style) = style {
        // indicatif's own rate has four decimals.
        let style = style.with_key("rate", |state: &ProgressState, out: &mut dyn fmt::Write| {
            let _infallible = write!(out, "{}/s", HumanCount(state.per_sec() as u64));
        });
        bar.set_style(style.progress_chars("━╸─"));
    }
    bar
}
