//! `multipart/form-data` as the Fetch and HTML standards have it: reading a body, and writing one.

/// One field of a form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) content: Content,
}

/// What a field holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    Text(String),
    File { filename: String, content_type: String, bytes: Vec<u8> },
}

/// Why a body is no form.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum MultipartError {
    #[error("No initial boundary string (or you have a truncated message).")]
    NoBoundary,
    #[error("No closing boundary string (or you have a truncated message).")]
    Truncated,
    #[error("FormData part had invalid Content-Disposition header value.")]
    NoDisposition,
    #[error(
        "Content-Disposition header for FormData part must have the value \"form-data\", possibly followed by parameters. \
         Got: \"{0}\""
    )]
    BadDisposition(String),
    #[error("Invalid Content-Disposition header in multipart/form-data.")]
    NoName,
}

/// Reads a body. Lines may end without a carriage return, as workerd lets them.
pub(crate) fn parse(body: &[u8], boundary: &str) -> Result<Vec<Part>, MultipartError> {
    let delimiter = format!("--{boundary}");
    let mut rest = after_line_break(body).unwrap_or(body);
    rest = rest.strip_prefix(delimiter.as_bytes()).ok_or(MultipartError::NoBoundary)?;
    let separator = format!("\n{delimiter}");
    let mut parts = Vec::new();
    while !rest.starts_with(b"--") {
        rest = after_line_break(rest).ok_or(MultipartError::Truncated)?;
        let end = find(rest, separator.as_bytes()).ok_or(MultipartError::Truncated)?;
        let part = &rest[..end];
        parts.push(parse_part(part.strip_suffix(b"\r").unwrap_or(part))?);
        rest = &rest[end + separator.len()..];
    }
    Ok(parts)
}

fn after_line_break(bytes: &[u8]) -> Option<&[u8]> {
    bytes.strip_prefix(b"\r\n").or_else(|| bytes.strip_prefix(b"\n"))
}

/// The head of a part and its content, which a blank line parts.
fn split_part(part: &[u8]) -> Option<(&[u8], &[u8])> {
    let plain = find(part, b"\n\n").map(|end| (end, end + 2));
    let full = find(part, b"\n\r\n").map(|end| (end, end + 3));
    let (end, start) = [full, plain].into_iter().flatten().min()?;
    Some((&part[..end], &part[start..]))
}

fn parse_part(part: &[u8]) -> Result<Part, MultipartError> {
    let (head, bytes) = split_part(part).ok_or(MultipartError::Truncated)?;
    let head = String::from_utf8_lossy(head);
    let field = |wanted: &str| {
        let mut fields = head.lines().filter_map(|line| line.split_once(':'));
        fields
            .find(|(name, _)| name.trim().eq_ignore_ascii_case(wanted))
            .map(|(_, value)| value.trim().to_owned())
    };
    let disposition = field("content-disposition").ok_or(MultipartError::NoDisposition)?;
    let parameters = disposition
        .strip_prefix("form-data")
        .ok_or_else(|| MultipartError::BadDisposition(disposition.clone()))?;
    let name = parameter(parameters, "name").ok_or(MultipartError::NoName)?;
    let content = match parameter(parameters, "filename") {
        None => Content::Text(String::from_utf8_lossy(bytes).into_owned()),
        Some(filename) => {
            let content_type = field("content-type").unwrap_or_else(|| "text/plain".to_owned());
            Content::File { filename, content_type, bytes: bytes.to_vec() }
        }
    };
    Ok(Part { name, content })
}

/// A parameter of a Content-Disposition: `; name="value"`, with the three escapes of the HTML standard.
fn parameter(mut parameters: &str, wanted: &str) -> Option<String> {
    while let Some((_, rest)) = parameters.split_once(';') {
        let (name, value) = rest.split_once('=')?;
        let (value, after) = match value.trim_start().strip_prefix('"') {
            Some(quoted) => quoted_value(quoted)?,
            None => value
                .find(';')
                .map_or((value.trim().to_owned(), ""), |end| (value[..end].trim().to_owned(), &value[end..])),
        };
        if name.trim().eq_ignore_ascii_case(wanted) {
            return Some(value);
        }
        parameters = after;
    }
    None
}

/// The text up to the closing quote, unescaped, and what follows. Some clients escape with a backslash instead.
fn quoted_value(quoted: &str) -> Option<(String, &str)> {
    let mut end = 0;
    let bytes = quoted.as_bytes();
    while *bytes.get(end)? != b'"' {
        end += if bytes[end] == b'\\' && bytes.get(end + 1) == Some(&b'"') { 2 } else { 1 };
    }
    let value =
        quoted[..end].replace("\\\"", "\"").replace("%0A", "\n").replace("%0D", "\r").replace("%22", "\"");
    Some((value, &quoted[end + 1..]))
}

/// Writes a body.
pub(crate) fn serialize(parts: &[Part], boundary: &str) -> Vec<u8> {
    let mut body = Vec::new();
    for Part { name, content } in parts {
        let head =
            format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"", escape(&crlf(name)));
        body.extend_from_slice(head.as_bytes());
        match content {
            Content::Text(text) => {
                body.extend_from_slice(b"\r\n\r\n");
                body.extend_from_slice(crlf(text).as_bytes());
            }
            Content::File { filename, content_type, bytes } => {
                let content_type =
                    if content_type.is_empty() { "application/octet-stream" } else { content_type };
                let head =
                    format!("; filename=\"{}\"\r\nContent-Type: {content_type}\r\n\r\n", escape(filename));
                body.extend_from_slice(head.as_bytes());
                body.extend_from_slice(bytes);
            }
        }
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    body
}

fn escape(text: &str) -> String {
    text.replace('\n', "%0A").replace('\r', "%0D").replace('"', "%22")
}

/// Every line break as CR LF, as the standard wants it for names and text values.
fn crlf(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n").replace('\n', "\r\n")
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    let first = needle.first()?;
    let mut start = 0;
    while let Some(offset) = haystack[start..].iter().position(|byte| byte == first) {
        let at = start + offset;
        if haystack[at..].starts_with(needle) {
            return Some(at);
        }
        start = at + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(name: &str, value: &str) -> Part {
        Part { name: name.to_owned(), content: Content::Text(value.to_owned()) }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let file = Content::File {
            filename: "a \"b\".bin".to_owned(),
            content_type: "application/x-test".to_owned(),
            bytes: b"\r\n--x\r\n\0\xff".to_vec(),
        };
        let parts =
            [text("a", "1"), text("quo\"te", "zwei\r\nZeilen"), Part { name: "f".to_owned(), content: file }];
        assert_eq!(parse(&serialize(&parts, "boundary"), "boundary"), Ok(parts.to_vec()));
        assert_eq!(parse(&serialize(&[], "boundary"), "boundary"), Ok(vec![]));
    }

    #[test]
    fn lines_may_end_without_a_carriage_return() {
        let body = b"---\nContent-Disposition: form-data; name=\"a\"\n\n1\n---\nContent-Disposition: form-data; name=\"b\"\n\n\n------";
        assert_eq!(parse(body, "-"), Ok(vec![text("a", "1"), text("b", "")]));
        for blank in ["\r\n\r\n", "\r\n\n", "\n\r\n", "\n\n"] {
            let body = format!("--b\r\nContent-Disposition: form-data; name=\"a\"{blank}1\r\n--b--");
            assert_eq!(parse(body.as_bytes(), "b"), Ok(vec![text("a", "1")]), "{blank:?}");
        }
    }

    #[test]
    fn a_body_that_is_no_form_says_why() {
        let cases: [(&[u8], MultipartError); 6] = [
            (b"", MultipartError::NoBoundary),
            (b"--other\r\n", MultipartError::NoBoundary),
            (b"--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nvalue", MultipartError::Truncated),
            (b"--b\r\nX: y\r\n\r\nvalue\r\n--b--", MultipartError::NoDisposition),
            (
                b"--b\r\nContent-Disposition: attachment\r\n\r\nvalue\r\n--b--",
                MultipartError::BadDisposition("attachment".to_owned()),
            ),
            (b"--b\r\nContent-Disposition: form-data\r\n\r\nvalue\r\n--b--", MultipartError::NoName),
        ];
        for (body, error) in cases {
            assert_eq!(parse(body, "b"), Err(error), "{}", String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn parameters_are_read_quoted_and_bare() {
        assert_eq!(parameter("; name=\"a;b\"; filename=c", "filename").as_deref(), Some("c"));
        assert_eq!(parameter("; name=\"a\\\"b\"", "name").as_deref(), Some("a\"b"));
        assert_eq!(parameter("; NAME=x", "name").as_deref(), Some("x"));
        assert_eq!(parameter("", "name"), None);
    }
}
