//! Header fields as they cross the border between Rust and JavaScript: one text, `name\nvalue\n` for each field, since
//! no field can hold a newline. One string is much cheaper to hand over than an array of pairs.

/// Header fields in order; names in lower case, repeated names kept apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeaderList(String);

impl HeaderList {
    /// An empty list.
    pub const fn new() -> Self {
        Self(String::new())
    }

    /// Adds a field. Names become lower case; a value that is not UTF-8 gets replacement characters, as in workerd.
    /// Line breaks, which no HTTP message can carry in a field, become spaces.
    pub fn push(&mut self, name: &str, value: &[u8]) {
        let start = self.0.len();
        self.0.push_str(name);
        self.0[start..].make_ascii_lowercase();
        self.0.push('\n');
        let value = String::from_utf8_lossy(value);
        if value.contains('\n') {
            self.0.push_str(&value.replace('\n', " "));
        } else {
            self.0.push_str(&value);
        }
        self.0.push('\n');
    }

    /// The fields in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let mut lines = self.0.split('\n');
        std::iter::from_fn(move || {
            let name = lines.next().filter(|name| !name.is_empty())?;
            Some((name, lines.next()?))
        })
    }

    /// The value of the first field of that (lower-case) name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    /// The text, for JavaScript.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Takes a text that JavaScript made.
    pub(crate) const fn from_text(text: String) -> Self {
        Self(text)
    }
}

impl<'a> FromIterator<(&'a str, &'a [u8])> for HeaderList {
    fn from_iter<I: IntoIterator<Item = (&'a str, &'a [u8])>>(fields: I) -> Self {
        let mut list = Self::new();
        for (name, value) in fields {
            list.push(name, value);
        }
        list
    }
}

#[cfg(test)]
mod tests {
    use super::HeaderList;

    #[test]
    fn fields_come_back_in_order_with_lower_case_names() {
        let list: HeaderList =
            [("Set-Cookie", &b"a=1"[..]), ("X-Empty", b""), ("set-cookie", b"b=2")].into_iter().collect();
        let fields: Vec<_> = list.iter().collect();
        assert_eq!(fields, [("set-cookie", "a=1"), ("x-empty", ""), ("set-cookie", "b=2")]);
        assert_eq!(list.get("set-cookie"), Some("a=1"));
        assert_eq!(list.get("cookie"), None);
    }

    #[test]
    fn a_line_break_cannot_smuggle_a_field() {
        let list: HeaderList = [("a", &b"b\nevil\nx"[..])].into_iter().collect();
        assert_eq!(list.iter().collect::<Vec<_>>(), [("a", "b evil x")]);
    }
}
