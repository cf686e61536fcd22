//! Where one SQL statement ends and the next begins, as SQLite's own shell sees it: at a semicolon that stands in no
//! string, name or comment, and in no trigger's body.

/// A text cut after its first statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Split<'a> {
    /// The first statement, its semicolon included.
    pub statement: &'a str,
    /// What follows it, without white space at its ends.
    pub rest: &'a str,
}

/// Cuts `sql` after its first statement.
pub fn split(sql: &str) -> Split<'_> {
    let mut trigger = Trigger::default();
    let mut position = 0;
    while let Some((token, end)) = next_token(sql, position) {
        position = end;
        if trigger.ends_statement(token) {
            return Split { statement: &sql[..position], rest: sql[position..].trim() };
        }
    }
    Split { statement: sql, rest: "" }
}

/// Whether there is nothing in `sql` but white space, comments and semicolons.
pub fn is_blank(sql: &str) -> bool {
    let mut position = 0;
    while let Some((token, end)) = next_token(sql, position) {
        if !matches!(token, Token::Semicolon) {
            return false;
        }
        position = end;
    }
    true
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token<'a> {
    Semicolon,
    Word(&'a str),
    Other,
}

/// Whether the statement is the making of a trigger, whose body has semicolons of its own and ends with `END;`.
#[derive(Default)]
enum Trigger {
    #[default]
    Start,
    Explain,
    Create,
    Body,
    BodyAfterSemicolon,
    BodyAfterEnd,
    Statement,
}

impl Trigger {
    /// Takes the next token; gives whether it is the statement's last.
    fn ends_statement(&mut self, token: Token<'_>) -> bool {
        let word = |expected: &str| matches!(token, Token::Word(word) if word.eq_ignore_ascii_case(expected));
        let semicolon = token == Token::Semicolon;
        *self = match self {
            Self::Start if word("explain") => Self::Explain,
            Self::Start | Self::Explain if word("create") => Self::Create,
            Self::Explain if word("query") || word("plan") => Self::Explain,
            Self::Create if word("temp") || word("temporary") => Self::Create,
            Self::Create if word("trigger") => Self::Body,
            Self::Body | Self::BodyAfterSemicolon | Self::BodyAfterEnd if semicolon => {
                if matches!(self, Self::BodyAfterEnd) {
                    return true;
                }
                Self::BodyAfterSemicolon
            }
            Self::BodyAfterSemicolon if word("end") => Self::BodyAfterEnd,
            Self::Body | Self::BodyAfterSemicolon | Self::BodyAfterEnd => Self::Body,
            _ if semicolon => return true,
            _ => Self::Statement,
        };
        false
    }
}

/// The token at or after `start`, comments and white space left out, and where it ends.
fn next_token(sql: &str, start: usize) -> Option<(Token<'_>, usize)> {
    let mut position = start;
    loop {
        let rest = &sql[position..];
        let first = rest.chars().next()?;
        let after = |end: Option<usize>, length: usize| end.map_or(sql.len(), |end| position + end + length);
        position = match first {
            _ if first.is_ascii_whitespace() => position + 1,
            '-' if rest.starts_with("--") => after(rest.find('\n'), 1),
            '/' if rest.starts_with("/*") => after(rest[2..].find("*/"), 4),
            ';' => return Some((Token::Semicolon, position + 1)),
            '\'' | '"' | '`' => return Some((Token::Other, after(rest[1..].find(first), 2))),
            '[' => return Some((Token::Other, after(rest.find(']'), 1))),
            _ if is_word(first) => {
                let length = rest.find(|character| !is_word(character)).unwrap_or(rest.len());
                return Some((Token::Word(&rest[..length]), position + length));
            }
            _ => return Some((Token::Other, position + first.len_utf8())),
        };
    }
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_' || character == '$' || !character.is_ascii()
}

#[cfg(test)]
mod tests {
    use super::{is_blank, split};

    fn statements(sql: &str) -> Vec<&str> {
        let mut found = Vec::new();
        let mut rest = sql.trim();
        while !rest.is_empty() {
            let cut = split(rest);
            found.push(cut.statement);
            rest = cut.rest;
        }
        found
    }

    #[test]
    fn statements_end_at_semicolons_outside_of_strings_names_and_comments() {
        assert_eq!(statements("SELECT 1; SELECT 2"), ["SELECT 1;", "SELECT 2"]);
        assert_eq!(statements("SELECT ';', \";\", `;`, [;];x"), ["SELECT ';', \";\", `;`, [;];", "x"]);
        assert_eq!(statements("SELECT 'it''s;';x"), ["SELECT 'it''s;';", "x"]);
        assert_eq!(statements("a -- ;\n; b /* ; */; c"), ["a -- ;\n;", "b /* ; */;", "c"]);
        assert_eq!(statements("a; -- rest"), ["a;", "-- rest"]);
        assert_eq!(statements("a -- rest"), ["a -- rest"]);
        assert_eq!(statements("'never closed; a"), ["'never closed; a"]);
        assert_eq!(statements("é;/* never closed ;"), ["é;", "/* never closed ;"]);
    }

    #[test]
    fn a_trigger_ends_with_its_end() {
        let trigger = "CREATE TEMP TRIGGER t AFTER INSERT ON a BEGIN UPDATE a SET x = CASE WHEN 1 THEN 2 END; \
                       DELETE FROM b; END;";
        assert_eq!(statements(&format!("{trigger} SELECT 1")), [trigger, "SELECT 1"]);
        assert_eq!(statements("CREATE TABLE trigger (x); SELECT 1").len(), 2);
        assert_eq!(statements("EXPLAIN QUERY PLAN SELECT 1; SELECT 1").len(), 2);
    }

    #[test]
    fn what_holds_no_statement_is_empty() {
        assert!(is_blank("") && is_blank(" ;; -- a\n/* b */ ;"));
        assert!(!is_blank("-- a\nSELECT 1") && !is_blank("'"));
    }
}
