//! What `hognose dev` shows: one tidy line per request, what the Worker prints as it prints it, and what hognose itself
//! has to say. The Worker's own output and the requests go to standard output, troubles to standard error.

use std::borrow::Cow;
use std::error::Error;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use clap::ValueEnum;
use hognose_wire::LogLevel;

use crate::error::CommandError;
use crate::records;

const RED: &str = "31";
const GREEN: &str = "32";
const YELLOW: &str = "33";
const CYAN: &str = "36";
const DIM: &str = "2";
const BOLD: &str = "1";
/// The most characters of a path that the line of a request has.
const PATH_SHOWN_MAX: usize = 200;

/// How a server says what happens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// Lines for people
    #[default]
    Text,
    /// Lines of JSON
    Json,
}

/// The two streams of the terminal (or whatever stands for it) and whether each takes colours.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Console {
    output_colours: bool,
    error_colours: bool,
    format: LogFormat,
}

impl Console {
    /// Colours only on a terminal, and not where `NO_COLOR` is set (<https://no-color.org>).
    pub(crate) fn of_this_process() -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self {
            output_colours: wanted && io::stdout().is_terminal(),
            error_colours: wanted && io::stderr().is_terminal(),
            format: LogFormat::Text,
        }
    }

    /// The same, in another format: in JSON, all that a server says goes to standard output, an object a line. Mistakes
    /// in the configuration stay text on standard error.
    pub(crate) fn with_format(self, format: LogFormat) -> Self {
        Self { format, ..self }
    }

    /// Whether programs read this.
    pub(crate) fn is_json(self) -> bool {
        self.format == LogFormat::Json
    }

    /// Whether standard error takes colours: for texts that are rendered elsewhere.
    pub(crate) fn error_colours(self) -> bool {
        self.error_colours
    }

    /// What a command was asked for.
    pub(crate) fn print(text: &str) {
        Self::output(text);
    }

    /// Something hognose does or has done.
    pub(crate) fn note(self, text: &str) {
        if self.is_json() {
            return Self::record("info", text);
        }
        Self::output(&self.painted(DIM, text));
    }

    /// Something hognose says beside what a command was asked for.
    pub(crate) fn aside(self, text: &str) {
        Self::error_text(&self.error_painted(DIM, text));
    }

    /// A text of a Worker's, without control characters that a terminal would act on.
    pub(crate) fn safe(text: &str) -> String {
        printable(text)
    }

    /// What is about to be served: a name, where from, under which Python.
    pub(crate) fn banner(self, rows: &[(&str, String)]) {
        let version = env!("CARGO_PKG_VERSION");
        if self.is_json() {
            return Self::record("info", &format!("hognose {version}"));
        }
        Self::output(&format!("{} {}", self.painted(BOLD, "hognose"), self.painted(DIM, version)));
        for (name, text) in rows {
            Self::output(&format!("  {} {text}", self.painted(DIM, &format!("{name:9}"))));
        }
    }

    /// The line that says where the server listens. Programs wait for it and read the address out of it.
    pub(crate) fn ready(self, url: &str) {
        if self.is_json() {
            return Self::record("info", &format!("Ready on {url}"));
        }
        Self::output(&format!("{} on {}", self.painted(GREEN, "Ready"), self.painted(BOLD, url)));
    }

    /// The line of a request that was answered: `GET / 200 3ms`.
    pub(crate) fn request(self, method: &str, path: &str, status: u16, duration: Duration) -> String {
        let colour = match status {
            500.. => RED,
            400.. => YELLOW,
            300.. => CYAN,
            _ => GREEN,
        };
        let status = self.painted(colour, &status.to_string());
        let took = self.painted(DIM, &format!("{}ms", duration.as_millis()));
        format!("{method} {} {status} {took}\n", printable(&shortened(path, PATH_SHOWN_MAX)))
    }

    /// What a Worker printed or logged. Its text may hold anything, so control characters do not reach the terminal.
    pub(crate) fn worker(self, level: LogLevel, text: &str) {
        let text = printable(text.trim_end_matches('\n'));
        match level {
            LogLevel::Error => Self::error_text(&self.error_painted(RED, &text)),
            LogLevel::Warn => Self::error_text(&self.error_painted(YELLOW, &text)),
            LogLevel::Debug => Self::output(&self.painted(DIM, &text)),
            LogLevel::Stderr => Self::error_text(&text),
            LogLevel::Info | LogLevel::Stdout => Self::output(&text),
        }
    }

    /// Something that may be wrong.
    pub(crate) fn warning(self, text: &str) {
        if self.is_json() {
            return Self::record("warn", text);
        }
        Self::error_text(&format!("{}: {text}", self.error_painted(YELLOW, "warning")));
    }

    /// Something that is wrong, beside the failure of a whole command.
    pub(crate) fn trouble(self, text: &str) {
        if self.is_json() {
            return Self::record("error", text);
        }
        Self::error_text(&format!("{}: {text}", self.error_painted(RED, "error")));
    }

    /// Why a command ends, or a reload is not made: the error, its causes, and the next step.
    pub(crate) fn failure(self, error: &CommandError) {
        self.trouble(&error.to_string());
        let causes = std::iter::successors(error.source(), |cause| (*cause).source());
        for cause in causes {
            Self::error_text(&format!("  {}: {cause}", self.error_painted(RED, "caused by")));
        }
        if let Some(hint) = error.hint() {
            Self::error_text(&format!("{}: {hint}", self.error_painted(CYAN, "hint")));
        }
    }

    /// Text for standard error that is rendered already. A reader who has gone is no reason to stop serving, here and
    /// in [`Self::text`].
    pub(crate) fn error_text(text: &str) {
        // In one piece: others write to the same terminal or file.
        let _ = io::stderr().lock().write_all(format!("{text}\n").as_bytes());
    }

    /// Lines for standard output that are rendered already.
    pub(crate) fn text(lines: &str) {
        let mut output = io::stdout().lock();
        let _ = output.write_all(lines.as_bytes()).and_then(|()| output.flush());
    }

    fn record(level: &'static str, text: &str) {
        Self::output(&records::message(level, text).to_string());
    }

    fn output(text: &str) {
        Self::text(&format!("{text}\n"));
    }

    fn painted(self, colour: &str, text: &str) -> String {
        painted(self.output_colours, colour, text)
    }

    fn error_painted(self, colour: &str, text: &str) -> String {
        painted(self.error_colours, colour, text)
    }
}

fn painted(on: bool, colour: &str, text: &str) -> String {
    if on { format!("\x1b[{colour}m{text}\x1b[0m") } else { text.to_owned() }
}

/// The beginning of a text that is too long for a line.
pub(crate) fn shortened(text: &str, characters_max: usize) -> Cow<'_, str> {
    match text.char_indices().nth(characters_max) {
        Some((end, _)) => format!("{} ...", &text[..end]).into(),
        None => text.into(),
    }
}

/// The text with control characters other than line feed and tab written out. Colours survive: Workers print them.
fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for (start, character) in text.char_indices() {
        match character {
            '\n' | '\t' => shown.push(character),
            '\x1b' if is_colour(&text[start + 1..]) => shown.push(character),
            control if control.is_control() => shown.extend(control.escape_default()),
            _ => shown.push(character),
        }
    }
    shown
}

/// Whether an escape is followed by `[`, digits and semicolons, and `m`: a colour, which harms nobody.
fn is_colour(rest: &str) -> bool {
    let parameters =
        |rest: &str| rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';').starts_with('m');
    rest.strip_prefix('[').is_some_and(parameters)
}
