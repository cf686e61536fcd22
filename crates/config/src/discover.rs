//! Finding the configuration of a Worker.

use std::path::{Path, PathBuf};

use crate::tree::Format;

/// wrangler's file names, in the order they are looked for.
const NAMES: [(&str, Format); 3] =
    [("wrangler.json", Format::Json), ("wrangler.jsonc", Format::Json), ("wrangler.toml", Format::Toml)];

/// The configuration that applies in `directory`: the first of wrangler's names that exists there or in any
/// folder above. As in wrangler, a `wrangler.json` far up comes before a `wrangler.toml` right here.
///
/// `exists` says whether a path is a file.
pub fn discover(directory: &Path, exists: &dyn Fn(&Path) -> bool) -> Option<(PathBuf, Format)> {
    NAMES.iter().find_map(|&(name, format)| {
        let mut paths = directory.ancestors().map(|folder| folder.join(name));
        paths.find(|path| exists(path)).map(|path| (path, format))
    })
}

impl Format {
    /// The language of a file given by name (`--config`): TOML if it ends in `.toml`, JSON if in `.json` or
    /// `.jsonc`.
    pub fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()? {
            "toml" => Some(Self::Toml),
            "json" | "jsonc" => Some(Self::Json),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(directory: &str, files: &[&str]) -> Option<String> {
        let exists = |path: &Path| files.iter().any(|file| Path::new(file) == path);
        discover(Path::new(directory), &exists).map(|(path, _)| path.display().to_string())
    }

    #[test]
    fn the_first_name_found_anywhere_up_the_tree_wins() {
        assert_eq!(found("/a/b", &["/a/b/wrangler.toml"]).as_deref(), Some("/a/b/wrangler.toml"));
        assert_eq!(found("/a/b", &["/a/wrangler.toml"]).as_deref(), Some("/a/wrangler.toml"));
        assert_eq!(
            found("/a/b", &["/a/b/wrangler.toml", "/wrangler.json"]).as_deref(),
            Some("/wrangler.json")
        );
        assert_eq!(
            found("/a/b", &["/a/wrangler.toml", "/a/b/wrangler.toml"]).as_deref(),
            Some("/a/b/wrangler.toml")
        );
        assert_eq!(found("/a/b", &["/c/wrangler.toml"]), None);
    }

    #[test]
    fn the_ending_names_the_language() {
        assert_eq!(Format::of(Path::new("x.toml")), Some(Format::Toml));
        assert_eq!(Format::of(Path::new("x.jsonc")), Some(Format::Json));
        assert_eq!(Format::of(Path::new("x.yaml")), None);
        assert_eq!(Format::of(Path::new("toml")), None);
    }
}
