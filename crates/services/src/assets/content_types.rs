//! What a file is by its ending, as wrangler says it when it uploads assets: as IANA's registry does, where `mime_guess` has
//! older names.

use std::path::Path;

/// By ending, in lower case.
const REGISTERED: [(&str, &str); 14] = [
    ("ico", "image/vnd.microsoft.icon"),
    ("jsx", "text/jsx"),
    ("m3u8", "application/vnd.apple.mpegurl"),
    ("m4a", "audio/mp4"),
    ("map", "application/json"),
    ("mid", "audio/midi"),
    ("mjs", "text/javascript"),
    ("otf", "font/otf"),
    ("toml", "application/toml"),
    ("ts", "video/mp2t"),
    ("woff", "font/woff"),
    ("xml", "application/xml"),
    ("yaml", "text/yaml"),
    ("yml", "text/yaml"),
];

/// The type of a file's content, without parameters; `None`: nobody knows the ending.
pub(super) fn of(path: &Path) -> Option<String> {
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    let registered = REGISTERED.iter().find(|(known, _)| ending.eq_ignore_ascii_case(known));
    let kind = registered.map(|(_, kind)| (*kind).to_owned());
    kind.or_else(|| mime_guess::from_path(path).first_raw().map(str::to_owned))
}
