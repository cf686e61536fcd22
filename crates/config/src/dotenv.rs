//! The syntax of `.dev.vars` and `.env`, as the `dotenv` package of Node.js reads it.
//!
//! ```text
//! # a comment
//! export KEY = value   # blanks around a bare value are dropped
//! LINES="first
//! second\nthird"       # \n and \r mean something in double quotes only
//! RAW='as $it is'
//! ```

/// What a text defines.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct DotEnv {
    /// Names and values in the order of the text; a name may occur again, and then the last one counts.
    pub(crate) entries: Vec<(String, String)>,
    /// The numbers, from 1, of the lines that define nothing and are no comments.
    pub(crate) ignored_lines: Vec<usize>,
}

/// Reads a text; there is nothing that could stop it.
pub(crate) fn parse(text: &str) -> DotEnv {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n").replace('\r', "\n");
    let mut found = DotEnv::default();
    let mut rest = text.as_str();
    let mut line_number = 1;
    while !rest.is_empty() {
        let after = if let Some((entry, after)) = definition(rest) {
            found.entries.push(entry);
            after
        } else {
            if says_something(first_line(rest)) {
                found.ignored_lines.push(line_number);
            }
            after_line(rest)
        };
        line_number += rest[..rest.len() - after.len()].matches('\n').count();
        rest = after;
    }
    found
}

fn says_something(line: &str) -> bool {
    let line = line.trim_start();
    !line.is_empty() && !line.starts_with('#')
}

/// The definition at the start of `text`, and what follows its line.
fn definition(text: &str) -> Option<((String, String), &str)> {
    let start = blanks_skipped(text);
    let start = match start.strip_prefix("export") {
        Some(after) if after.starts_with([' ', '\t']) => blanks_skipped(after),
        _ => start,
    };
    let is_name = |character: char| character.is_ascii_alphanumeric() || "_.-".contains(character);
    let (name, after) = start.split_at(start.find(|character| !is_name(character)).unwrap_or(start.len()));
    let is_colon = after.starts_with(": ") || after.starts_with(":\t");
    let value = if is_colon { &after[1..] } else { blanks_skipped(after).strip_prefix('=')? };
    if name.is_empty() {
        return None;
    }
    let (value, after) = quoted(value).unwrap_or_else(|| bare(value));
    Some(((name.to_owned(), value), after))
}

/// A value in quotes, which may span lines, if only blanks or a comment follow the closing one.
fn quoted(text: &str) -> Option<(String, &str)> {
    let text = blanks_skipped(text);
    let quote = text.chars().next().filter(|character| "'\"`".contains(*character))?;
    let inner = &text[1..];
    let end = closing(inner, quote)?;
    let (value, after) = (&inner[..end], blanks_skipped(&inner[end + 1..]));
    if !(after.is_empty() || after.starts_with(['\n', '#'])) {
        return None;
    }
    let value = if quote == '"' { value.replace("\\n", "\n").replace("\\r", "\r") } else { value.to_owned() };
    Some((value, after_line(after)))
}

/// Where `quote` stands without a backslash before it.
fn closing(text: &str, quote: char) -> Option<usize> {
    text.match_indices(quote).map(|(index, _)| index).find(|&index| !text[..index].ends_with('\\'))
}

/// A value without quotes: up to a `#` or the end of the line.
fn bare(text: &str) -> (String, &str) {
    let line = first_line(text);
    let value = line.split('#').next().unwrap_or_default();
    (value.trim().to_owned(), after_line(text))
}

fn blanks_skipped(text: &str) -> &str {
    text.trim_start_matches([' ', '\t'])
}

fn first_line(text: &str) -> &str {
    text.split('\n').next().unwrap_or_default()
}

fn after_line(text: &str) -> &str {
    text.split_once('\n').map_or("", |(_, after)| after)
}

/// Replaces `$NAME`, `${NAME}` and `${NAME:-default}` (or `-default`) in `value` by what `lookup` knows; an
/// unknown name becomes nothing. `\$` is a plain dollar. `None` when the result would exceed `bytes_max`.
pub(crate) fn expand(
    value: &str,
    lookup: &dyn Fn(&str) -> Option<String>,
    bytes_max: usize,
) -> Option<String> {
    let mut out = String::new();
    let mut rest = value;
    while let Some(dollar) = rest.find('$') {
        let (before, after) = (&rest[..dollar], &rest[dollar + 1..]);
        if let Some(before) = before.strip_suffix('\\') {
            out.push_str(before);
            out.push('$');
            rest = after;
        } else if let Some((name, default, following)) = reference(after) {
            out.push_str(before);
            let found = lookup(name).filter(|found| !found.is_empty());
            out.push_str(found.as_deref().unwrap_or(default));
            rest = following;
        } else {
            out.push_str(&rest[..=dollar]);
            rest = after;
        }
        if out.len() > bytes_max {
            return None;
        }
    }
    out.push_str(rest);
    (out.len() <= bytes_max).then_some(out)
}

/// The name after a dollar, its default, and what follows.
fn reference(text: &str) -> Option<(&str, &str, &str)> {
    if let Some((inner, following)) = text.strip_prefix('{').and_then(|text| text.split_once('}')) {
        let (name, default) = inner.split_once(":-").or(inner.split_once('-')).unwrap_or((inner, ""));
        return Some((name, default, following)).filter(|_| !name.is_empty());
    }
    let is_name = |character: char| character.is_ascii_alphanumeric() || character == '_';
    let end = text.find(|character| !is_name(character)).unwrap_or(text.len());
    let named = !text.starts_with(|character: char| character.is_ascii_digit()) && end > 0;
    named.then(|| (&text[..end], "", &text[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> String {
        let found = parse(text);
        assert!(found.ignored_lines.is_empty(), "{text}");
        assert_eq!(found.entries.len(), 1, "{text}: {:?}", found.entries);
        assert_eq!(found.entries[0].0, "KEY", "{text}");
        found.entries[0].1.clone()
    }

    #[test]
    fn bare_values_end_at_a_comment_and_lose_their_blanks() {
        assert_eq!(value("KEY=value"), "value");
        assert_eq!(value("  KEY =  a value  "), "a value");
        assert_eq!(value("export KEY=value"), "value");
        assert_eq!(value("KEY: value"), "value");
        assert_eq!(value("KEY=value # comment"), "value");
        assert_eq!(value("KEY=value#comment"), "value");
        assert_eq!(value("KEY="), "");
        assert_eq!(value("KEY={\"a\": \"b\"}"), "{\"a\": \"b\"}");
        assert_eq!(value("KEY=a=b"), "a=b");
        assert_eq!(value("\u{feff}KEY=value\r\n"), "value");
    }

    #[test]
    fn quotes_keep_what_is_between_them() {
        assert_eq!(value("KEY=\" a # b \" # comment"), " a # b ");
        assert_eq!(value("KEY='a\\nb'"), "a\\nb");
        assert_eq!(value("KEY=\"a\\nb\""), "a\nb");
        assert_eq!(value("KEY=`it's \"both\"`"), "it's \"both\"");
        assert_eq!(value("KEY=\"first\nsecond\"\n"), "first\nsecond");
        assert_eq!(value("KEY=\"a\\\"b\""), "a\\\"b");
        assert_eq!(value("KEY=\"unclosed"), "\"unclosed");
        assert_eq!(value("KEY=\"a\" b"), "\"a\" b");
    }

    #[test]
    fn lines_that_say_nothing_are_counted() {
        let found = parse("# comment\n\nA=1\nnonsense\nB=\"x\ny\"\n=x\nA=2");
        let entry = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(found.entries, [entry("A", "1"), entry("B", "x\ny"), entry("A", "2")]);
        assert_eq!(found.ignored_lines, [4, 7]);
    }

    #[test]
    fn references_are_replaced() {
        let lookup = |name: &str| (name == "A").then(|| "1".to_owned());
        let expanded = |value| expand(value, &lookup, 100).unwrap();
        assert_eq!(expanded("<${A}>"), "<1>");
        assert_eq!(expanded("<$A>"), "<1>");
        assert_eq!(expanded("<$B>"), "<>");
        assert_eq!(expanded("<${B:-2}>"), "<2>");
        assert_eq!(expanded("<${B-2}>"), "<2>");
        assert_eq!(expanded("<${A:-2}>"), "<1>");
        assert_eq!(expanded("\\$A costs 5$"), "$A costs 5$");
        assert_eq!(expanded("${"), "${");
        assert_eq!(expanded("${}$1"), "${}$1");
    }

    #[test]
    fn an_expanded_value_has_a_limit() {
        let lookup = |_: &str| Some("0123456789".to_owned());
        assert_eq!(expand("$A", &lookup, 10).as_deref(), Some("0123456789"));
        assert_eq!(expand("$A!", &lookup, 10), None);
        assert_eq!(expand("$A$A", &lookup, 19), None);
    }
}
