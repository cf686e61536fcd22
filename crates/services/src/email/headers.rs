//! The headers of a message (RFC 5322), as far as they are looked at.

/// Names in lower case, and values without their folds.
pub(super) struct Headers(Vec<(String, String)>);

impl Headers {
    /// Those that a message begins with; `None` where it begins with none.
    pub(super) fn read(message: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(message);
        let mut headers: Vec<(String, String)> = Vec::new();
        for line in text.lines().take_while(|line| !line.is_empty()) {
            if let (true, Some((_, value))) = (line.starts_with([' ', '\t']), headers.last_mut()) {
                value.push(' ');
                value.push_str(line.trim());
                continue;
            }
            let (name, value) = line.split_once(':')?;
            if name.is_empty() || name.contains(char::is_whitespace) {
                return None;
            }
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        (!headers.is_empty()).then_some(Self(headers))
    }

    /// The first of that name, which is in lower case.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// What stands in angle brackets, else all of it.
pub(super) fn address(value: &str) -> &str {
    let inner = value.rsplit_once('<').and_then(|(_, rest)| rest.split_once('>')).map(|(inner, _)| inner);
    inner.unwrap_or(value).trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_unfolded() {
        let headers = Headers::read(b"From: Ann\r\n <a@example.com>\r\nX: 1\r\n\r\nFrom: b").unwrap();
        assert_eq!(headers.get("from").map(address), Some("a@example.com"));
        assert_eq!(headers.get("x"), Some("1"));
        assert_eq!(headers.get("to"), None);
    }

    #[test]
    fn what_begins_without_headers_is_no_message() {
        for text in [&b""[..], b"\r\nbody", b"no header\r\n\r\n", b" folded: 1\r\n"] {
            assert!(Headers::read(text).is_none(), "{}", String::from_utf8_lossy(text));
        }
    }
}
