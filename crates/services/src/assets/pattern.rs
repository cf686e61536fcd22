//! The patterns of `_redirects`, `_headers` and `run_worker_first`: paths, or `https://host/path`, in which `*` stands
//! for anything and `:name` for a segment.

use super::Place;

/// A pattern, in its parts.
pub(super) struct Pattern {
    parts: Vec<Part>,
    crosses_hosts: bool,
}

enum Part {
    Text(String),
    Splat,
    Name(String),
}

/// What the pattern's names stand for in a place; `splat` for what `*` does.
pub(super) type Captures = Vec<(String, String)>;

impl Pattern {
    /// A pattern with `*` and `:name`.
    pub(super) fn new(text: &str) -> Self {
        Self::of(text, true)
    }

    /// A pattern with `*` only, which may come several times.
    pub(super) fn glob(text: &str) -> Self {
        Self::of(text, false)
    }

    fn of(text: &str, has_names: bool) -> Self {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let name = if has_names { name_at(rest) } else { "" };
            let used = match first {
                '*' => {
                    parts.push(Part::Splat);
                    1
                }
                ':' if !name.is_empty() => {
                    parts.push(Part::Name(name.to_owned()));
                    1 + name.len()
                }
                _ => {
                    push_text(&mut parts, first);
                    first.len_utf8()
                }
            };
            rest = &rest[used..];
        }
        Self { parts, crosses_hosts: text.starts_with("https://") }
    }

    /// Whether it fits one place only.
    pub(super) fn is_static(&self) -> bool {
        self.parts.iter().all(|part| matches!(part, Part::Text(_)))
    }

    /// What its names stand for, where it fits.
    pub(super) fn captures(&self, place: Place<'_>) -> Option<Captures> {
        let mut captures = Vec::new();
        let fits = if self.crosses_hosts {
            let whole = format!("https://{}{}", place.host_name(), place.path);
            take(&self.parts, &whole, &mut captures)
        } else {
            take(&self.parts, place.path, &mut captures)
        };
        fits.then_some(captures)
    }
}

/// The name after the colon that `text` begins with; empty where there is none. `https://` has none.
fn name_at(text: &str) -> &str {
    let Some(name) = text.strip_prefix(':') else { return "" };
    let end =
        name.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').unwrap_or(name.len());
    let name = &name[..end];
    if name.starts_with(|letter: char| letter.is_ascii_alphabetic()) { name } else { "" }
}

fn push_text(parts: &mut Vec<Part>, letter: char) {
    match parts.last_mut() {
        Some(Part::Text(text)) => text.push(letter),
        _ => parts.push(Part::Text(letter.into())),
    }
}

/// Whether the parts take all of `text`, the longest way first.
fn take(parts: &[Part], text: &str, captures: &mut Captures) -> bool {
    let Some((part, others)) = parts.split_first() else { return text.is_empty() };
    let (name, most, least) = match part {
        Part::Text(literal) => {
            return text.strip_prefix(literal.as_str()).is_some_and(|rest| take(others, rest, captures));
        }
        Part::Splat => ("splat", text.len(), 0),
        Part::Name(name) => (name.as_str(), text.find('/').unwrap_or(text.len()), 1),
    };
    for end in (least..=most).rev().filter(|end| text.is_char_boundary(*end)) {
        captures.push((name.to_owned(), text[..end].to_owned()));
        if take(others, &text[end..], captures) {
            return true;
        }
        captures.pop();
    }
    false
}

/// `text` with each `:name` replaced by what it stands for.
pub(super) fn fill(text: &str, captures: &Captures) -> String {
    captures.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!(":{name}"), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn captured(pattern: &str, path: &str) -> Option<Vec<String>> {
        let captures = Pattern::new(pattern).captures(Place { host: "a.example:80", path, query: "" })?;
        Some(captures.into_iter().map(|(name, value)| format!("{name}={value}")).collect())
    }

    #[test]
    fn names_take_a_segment_and_splats_take_all() {
        assert_eq!(captured("/a", "/a").unwrap(), Vec::<String>::new());
        assert!(captured("/a", "/a/").is_none());
        assert_eq!(captured("/blog/*", "/blog/x/y").unwrap(), ["splat=x/y"]);
        assert_eq!(captured("/blog/*", "/blog/").unwrap(), ["splat="]);
        assert_eq!(captured("/:year/:slug.html", "/2024/x.html").unwrap(), ["year=2024", "slug=x"]);
        assert!(captured("/:a", "/").is_none());
        assert_eq!(captured("https://:sub.example/*", "/p").unwrap(), ["sub=a", "splat=p"]);
        assert!(captured("https://b.example/*", "/p").is_none());
    }

    #[test]
    fn names_are_filled_in() {
        let captures = vec![("splat".to_owned(), "x/y".to_owned())];
        assert_eq!(fill("/new/:splat?from=:other", &captures), "/new/x/y?from=:other");
    }
}
