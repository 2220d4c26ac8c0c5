//! Shows that something happens: a bar on a terminal, a line at each tenth elsewhere.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressStyle};

use crate::text::count;

/// The progress of one step.
pub struct Progress {
    what: String,
    total: u64,
    bar: Option<ProgressBar>,
    tenths: u64,
}

impl Progress {
    /// Begins a step of this many records.
    pub fn new(what: &str, total: u64) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(total);
            // The template is a constant; were it wrong, the plain bar would do.
            if let Ok(style) =
                ProgressStyle::with_template("{msg:<24} {bar:30} {human_pos:>9} of {human_len}  {per_sec}")
            {
                bar.set_style(style);
            }
            bar.set_message(what.to_owned());
            bar
        });
        Progress { what: what.to_owned(), total, bar, tenths: 0 }
    }

    /// Shows that this many records are done.
    pub fn set(&mut self, done: u64) {
        match &self.bar {
            Some(bar) => bar.set_position(done.min(self.total)),
            None => self.print_tenth(done),
        }
    }

    fn print_tenth(&mut self, done: u64) {
        let tenths = done.min(self.total) * 10 / self.total.max(1);
        if tenths > self.tenths {
            self.tenths = tenths;
            eprintln!("{:<24} {:>3} % of {}", self.what, tenths * 10, count(self.total));
        }
    }

    /// The step is done.
    pub fn finish(mut self) {
        self.set(self.total);
        if let Some(bar) = self.bar {
            bar.finish();
        }
    }
}
