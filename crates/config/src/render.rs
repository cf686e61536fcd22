//! Diagnostics as text for a terminal, in the manner of rustc:
//!
//! ```text
//! error[wrong-type]: Expected "main" to be of type string but got 5.
//!   --> wrangler.toml:1:8
//!    |
//!  1 | main = 5
//!    |        ^ expected a string
//!    = help: …
//! ```

use std::fmt::Write as _;
use std::path::Path;

use crate::diagnostic::{Diagnostic, Severity};
use crate::tree::Span;

/// The longest piece of a source line that is shown, in characters; a minified file is one endless line.
const LINE_MAX_CHARACTERS: usize = 120;

/// What is kept before the marked text when a line has to be cut, in characters.
const CONTEXT_CHARACTERS: usize = 30;

const RED: &str = "\x1b[1;31m";
const YELLOW: &str = "\x1b[1;33m";
const CYAN: &str = "\x1b[1;36m";
const BOLD: &str = "\x1b[1m";
const RESET: &str = "\x1b[0m";

/// A place in a text as editors count it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
}

impl Position {
    /// Where byte `offset` of `source` stands; past the end counts as the end.
    pub fn of(source: &str, offset: usize) -> Self {
        let before = &source[..source.floor_char_boundary(offset)];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self {
            line: before.bytes().filter(|&byte| byte == b'\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}

/// Writes `diagnostics` about the file at `path`, whose text is `source`, one after another, each ended by an
/// empty line. With `color`, ANSI colours mark severity and place.
pub fn render(diagnostics: &[Diagnostic], source: &str, path: &Path, color: bool) -> String {
    let painter = Painter { source, path, color, out: String::new() };
    diagnostics.iter().fold(painter, Painter::diagnostic).out
}

struct Painter<'a> {
    source: &'a str,
    path: &'a Path,
    color: bool,
    out: String,
}

impl Painter<'_> {
    fn diagnostic(mut self, diagnostic: &Diagnostic) -> Self {
        let (word, style) = match diagnostic.severity {
            Severity::Error => ("error", RED),
            Severity::Warning => ("warning", YELLOW),
            Severity::Note => ("note", CYAN),
        };
        let title = self.paint(style, &format!("{word}[{}]", diagnostic.code.name()));
        let message = self.paint(BOLD, &indented(&diagnostic.message, "  "));
        self.line(format_args!("{title}: {message}"));
        if let Some(span) = diagnostic.span {
            self.snippet(span, &diagnostic.label, style);
        } else {
            let arrow = self.paint(CYAN, "-->");
            self.line(format_args!("  {arrow} {}", self.path.display()));
        }
        if let Some(help) = &diagnostic.help {
            let help = indented(help, "          ");
            let equals = self.paint(CYAN, "=");
            self.line(format_args!("   {equals} help: {help}"));
        }
        self.out.push('\n');
        self
    }

    fn snippet(&mut self, span: Span, label: &str, style: &str) {
        let position = Position::of(self.source, span.start);
        let number = position.line.to_string();
        let margin = " ".repeat(number.len());
        let (arrow, bar) = (self.paint(CYAN, "-->"), self.paint(CYAN, "|"));
        self.line(format_args!(
            "{margin} {arrow} {}:{}:{}",
            self.path.display(),
            position.line,
            position.column
        ));
        let excerpt = Excerpt::of(self.source, span);
        let marks = self.paint(style, &format!("{} {label}", "^".repeat(excerpt.marked_characters)));
        let number = self.paint(CYAN, &number);
        self.line(format_args!("{margin}  {bar}"));
        self.line(format_args!("{number}  {bar} {}", excerpt.text));
        self.line(format_args!("{margin}  {bar} {}{}", " ".repeat(excerpt.marked_from), marks));
    }

    fn paint(&self, style: &str, text: &str) -> String {
        if self.color { format!("{style}{text}{RESET}") } else { text.to_owned() }
    }

    /// Ends a line without trailing blanks, which an empty label would leave.
    fn line(&mut self, content: std::fmt::Arguments<'_>) {
        let start = self.out.len();
        write!(self.out, "{content}").expect("invariant: writing to a String succeeds");
        let kept = self.out[start..].trim_end_matches(' ').len();
        self.out.truncate(start + kept);
        self.out.push('\n');
    }
}

/// The piece of the first marked line that is shown.
struct Excerpt {
    text: String,
    /// Characters before the mark.
    marked_from: usize,
    /// Characters under the mark, at least one.
    marked_characters: usize,
}

impl Excerpt {
    fn of(source: &str, span: Span) -> Self {
        let start = source.floor_char_boundary(span.start);
        let line_start = source[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let line_end = source[start..].find('\n').map_or(source.len(), |newline| start + newline);
        let end = source.ceil_char_boundary(span.end).clamp(start, line_end);
        let before = source[line_start..start].chars().count();
        let marked = source[start..end].chars().count().max(1);
        let skipped =
            if before + marked > LINE_MAX_CHARACTERS { before.saturating_sub(CONTEXT_CHARACTERS) } else { 0 };
        let line = source[line_start..line_end].trim_end_matches('\r');
        Self {
            text: line.chars().skip(skipped).take(LINE_MAX_CHARACTERS).map(printable).collect(),
            marked_from: before - skipped,
            marked_characters: marked.min(LINE_MAX_CHARACTERS - (before - skipped)),
        }
    }
}

/// A file must not be able to move the cursor of the terminal it is shown on.
fn printable(character: char) -> char {
    match character {
        '\t' => ' ',
        character if character.is_control() => '\u{fffd}',
        character => character,
    }
}

fn indented(text: &str, margin: &str) -> String {
    let text: String = text.chars().map(|c| if c == '\n' { c } else { printable(c) }).collect();
    text.replace('\n', &format!("\n{margin}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Code;

    fn shown(diagnostic: Diagnostic, source: &str) -> String {
        render(&[diagnostic], source, Path::new("wrangler.toml"), false)
    }

    #[test]
    fn a_diagnostic_shows_place_line_mark_and_help() {
        let diagnostic = Diagnostic::error(Code::WrongType, "Expected a string")
            .at(Span { start: 18, end: 19 }, "a number")
            .help("put it in quotes");
        let expected = "\
error[wrong-type]: Expected a string
  --> wrangler.toml:2:8
   |
2  | main = 5
   |        ^ a number
   = help: put it in quotes

";
        assert_eq!(shown(diagnostic, "name = \"a\"\nmain = 5\n"), expected);
    }

    #[test]
    fn a_diagnostic_about_the_whole_file_names_only_the_file() {
        let diagnostic = Diagnostic::warning(Code::MissingKey, "No name");
        assert_eq!(shown(diagnostic, ""), "warning[missing-key]: No name\n  --> wrangler.toml\n\n");
    }

    #[test]
    fn colours_add_nothing_but_colours() {
        let diagnostic =
            Diagnostic::error(Code::Syntax, "x").at(Span { start: 0, end: 1 }, "here").help("do this");
        let colored = render(std::slice::from_ref(&diagnostic), "a\n", Path::new("wrangler.toml"), true);
        let plain = [RED, YELLOW, CYAN, BOLD, RESET]
            .iter()
            .fold(colored.clone(), |text, code| text.replace(code, ""));
        assert!(colored.starts_with("\x1b[1;31merror[syntax]\x1b[0m: "));
        assert_eq!(plain, shown(diagnostic, "a\n"));
    }

    #[test]
    fn endless_lines_are_cut_around_the_mark() {
        let source = format!("{}MARK{}", "a".repeat(5000), "b".repeat(5000));
        let diagnostic = Diagnostic::note(Code::Default, "x").at(Span { start: 5000, end: 5004 }, "here");
        let text = shown(diagnostic, &source);
        assert!(text.lines().all(|line| line.chars().count() <= LINE_MAX_CHARACTERS + 10), "{text}");
        assert!(text.contains(&format!("{}MARK", "a".repeat(CONTEXT_CHARACTERS))), "{text}");
        assert!(text.contains(&format!("| {}^^^^ here", " ".repeat(CONTEXT_CHARACTERS))), "{text}");
    }

    #[test]
    fn control_characters_of_the_file_never_reach_the_terminal() {
        let diagnostic = Diagnostic::note(Code::Default, "\x1b[2J").at(Span { start: 0, end: 1 }, "");
        assert!(!shown(diagnostic, "\x1b[2J\r\n").contains('\x1b'));
    }

    #[test]
    fn positions_count_characters_from_one() {
        assert_eq!(Position::of("é\nab", 4), Position { line: 2, column: 2 });
        assert_eq!(Position::of("é\nab", 99), Position { line: 2, column: 3 });
    }
}
