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

#[cfg(test)]
mod tests {
    use super::file_name;

    #[test]
    fn ids_stay_within_their_folder_and_apart() {
        assert_eq!(file_name("my-db_1"), "my-db_1");
        assert_eq!(file_name("../a"), "%2e%2e%2fa");
        assert_ne!(file_name("%2e"), file_name("."));
    }
}
