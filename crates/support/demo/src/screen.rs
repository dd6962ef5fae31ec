//! What people see: 80 columns, colours only on a terminal.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use quorate_cli::text::{Fields, Paint, Table, printable};

use crate::failure::{Result, doing};

/// Standard output.
#[derive(Debug)]
pub(crate) struct Screen {
    paint: Paint,
    pause: bool,
}

impl Screen {
    pub(crate) fn new(pause: bool) -> Self {
        Self {
            paint: Paint::when(io::stdout().is_terminal()),
            pause,
        }
    }

    fn print(&self, text: &str) -> Result<()> {
        let mut out = io::stdout().lock();
        let done = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        doing("write to standard output", done)
    }

    /// The title of everything.
    pub(crate) fn title(&self, text: &str) -> Result<()> {
        self.print(&format!("{}\n", self.paint.bold(text)))
    }

    /// A paragraph without indent.
    pub(crate) fn plain(&self, text: &str) -> Result<()> {
        self.print(&self.paint.paragraph("", text))
    }

    /// Begins an act; with `--pause`, when somebody pressed Enter.
    pub(crate) fn act(&self, number: u8, title: &str) -> Result<()> {
        if self.pause && number > 0 {
            self.print(&format!("\n{}", self.paint.dim("Enter goes on ")))?;
            doing(
                "read standard input",
                io::stdin().lock().read_line(&mut String::new()),
            )?;
        }
        self.print(&format!(
            "\n{}\n",
            self.paint.bold(&format!("{number}  {title}"))
        ))
    }

    /// What is done, in the words of a narrator.
    pub(crate) fn say(&self, text: &str) -> Result<()> {
        self.print(&self.paint.paragraph("   ", text))
    }

    /// An empty line.
    pub(crate) fn gap(&self) -> Result<()> {
        self.print("\n")
    }

    /// A command as somebody would type it.
    pub(crate) fn command(&self, words: &str) -> Result<()> {
        self.print(&self.paint.dim(&format!("   $ {words}\n")))
    }

    /// What a process said, in its own words.
    pub(crate) fn quote(&self, text: &str) -> Result<()> {
        for line in text.lines() {
            let line = printable(line);
            self.print(&self.paint.paragraph("     ", &line))?;
        }
        Ok(())
    }

    /// Something that held.
    pub(crate) fn held(&self, who: &str, text: &str) -> Result<()> {
        self.outcome("held", who, text, Paint::good)
    }

    /// Something that did not hold, and is not said to.
    pub(crate) fn fell(&self, who: &str, text: &str) -> Result<()> {
        self.outcome("FELL", who, text, Paint::caution)
    }

    fn outcome(
        &self,
        mark: &str,
        who: &str,
        text: &str,
        colour: fn(Paint, &str) -> String,
    ) -> Result<()> {
        let label = format!("   {mark}  {who:<12} ");
        let text = self.paint.paragraph(&label, text);
        self.print(&text.replacen(mark, &colour(self.paint, mark), 1))
    }

    pub(crate) fn fields(&self, fields: &Fields) -> Result<()> {
        self.indented(&fields.render(self.paint))
    }

    pub(crate) fn table(&self, table: &Table) -> Result<()> {
        self.indented(&table.render(self.paint))
    }

    fn indented(&self, text: &str) -> Result<()> {
        self.print(
            &text
                .lines()
                .map(|l| format!("   {l}\n"))
                .collect::<String>(),
        )
    }

    /// A heading of the summary with its sentences.
    pub(crate) fn list(&self, heading: &str, sentences: &[&str]) -> Result<()> {
        let mut text = format!("\n{}\n", self.paint.bold(heading));
        for sentence in sentences {
            text.push_str(&self.paint.paragraph(" - ", sentence));
        }
        self.print(&text)
    }
}
