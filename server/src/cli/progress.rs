//! A progress line for what takes over a second; nothing is drawn before, nor where nobody looks.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::output::Output;

/// How long work goes on before a progress line appears.
const QUIET: Duration = Duration::from_secs(1);

/// A count that grows, perhaps towards a total.
pub(crate) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// Counts without knowing the end.
    pub(crate) fn counting(output: &Output, what: &'static str) -> Self {
        Self::new(output, ProgressBar::no_length(), &format!("{{spinner}} {{pos}} {what} · {{per_sec}} · {{elapsed}}"))
    }

    /// Counts bytes towards a known end.
    pub(crate) fn bytes(output: &Output, total: Option<u64>) -> Self {
        match total {
            Some(total) => Self::new(output, ProgressBar::new(total), "{bar:30} {bytes} of {total_bytes} · {msg} · {elapsed}, {eta} to go"),
            None => Self::new(output, ProgressBar::no_length(), "{spinner} {bytes} · {msg} · {elapsed}"),
        }
    }

    fn new(output: &Output, bar: ProgressBar, template: &str) -> Self {
        let hidden = ProgressDrawTarget::hidden();
        bar.set_draw_target(hidden);
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        let progress = Self { bar };
        if output.shows_progress() {
            let bar = progress.bar.clone();
            tokio::spawn(async move {
                tokio::time::sleep(QUIET).await;
                if !bar.is_finished() {
                    bar.set_draw_target(ProgressDrawTarget::stderr());
                    bar.enable_steady_tick(Duration::from_millis(100));
                }
            });
        }
        progress
    }

    pub(crate) fn set(&self, position: u64) {
        self.bar.set_position(position);
    }

    /// What else there is to say, such as how many tuples the server has taken in.
    pub(crate) fn message(&self, text: String) {
        self.bar.set_message(text);
    }

    /// Takes the line away.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.finish();
    }
}
