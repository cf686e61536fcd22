//! Names of files for ids that a configuration gives, which may hold any characters.

use std::fmt::Write;

/// The id itself where it is of letters, digits, `-` and `_`; every other byte as `%` and two hexadecimal digits.
/// Different ids have different names, and none can leave its folder.
pub(crate) fn file_name(id: &str) -> String {
    let mut name = String::with_capacity(id.len());
    for byte in id.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => name.push(char::from(byte)),
            other => write!(name, "%{other:02x}").expect("invariant: a string can be written to"),
        }
    }
    name
}

/// The id that a file's name stands for; `None` where none of ours is called so.
pub(crate) fn id_of_file_name(name: &str) -> Option<String> {
    let (mut bytes, mut rest) = (Vec::with_capacity(name.len()), name.as_bytes());
    while let [first, others @ ..] = rest {
        if *first == b'%' {
            let digits = std::str::from_utf8(others.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &others[2..];
        } else {
            bytes.push(*first);
            rest = others;
        }
    }
    let id = String::from_utf8(bytes).ok()?;
    (file_name(&id) == name).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::{file_name, id_of_file_name};

    #[test]
    fn ids_stay_within_their_folder_and_apart() {
        assert_eq!(file_name("my-db_1"), "my-db_1");
        assert_eq!(file_name("../a"), "%2e%2e%2fa");
        assert_ne!(file_name("%2e"), file_name("."));
        for id in ["my-db_1", "../ä", "%2e", ""] {
            assert_eq!(id_of_file_name(&file_name(id)).as_deref(), Some(id));
        }
        assert_eq!(id_of_file_name("a.b"), None);
    }
}
