//! `.assetsignore`: which files are not served, in the language of `.gitignore`.

/// The patterns of the file, in its order; the last that fits decides.
#[derive(Default)]
pub(super) struct Ignored(Vec<Pattern>);

struct Pattern {
    glob: String,
    keeps: bool,
    only_folders: bool,
}

impl Ignored {
    pub(super) fn parse(text: &str) -> Self {
        let lines = text.lines().map(str::trim_end).filter(|line| !line.is_empty() && !line.starts_with('#'));
        Self(lines.map(Pattern::parse).collect())
    }

    /// Whether the file is left out, itself or with a folder above it. What lies in a folder that is left out cannot be
    /// taken back.
    pub(super) fn contains(&self, path: &str) -> bool {
        let folders = path.match_indices('/').map(|(end, _)| &path[..end]);
        folders.map(|folder| (folder, true)).chain([(path, false)]).any(|(path, is_folder)| {
            let last = self.0.iter().rev().find(|pattern| pattern.fits(path, is_folder));
            last.is_some_and(|pattern| !pattern.keeps)
        })
    }
}

impl Pattern {
    fn parse(line: &str) -> Self {
        let (line, keeps) = line.strip_prefix('!').map_or((line, false), |rest| (rest, true));
        let (line, only_folders) = line.strip_suffix('/').map_or((line, false), |rest| (rest, true));
        let is_anchored = line.contains('/');
        let line = line.trim_start_matches('/');
        // Braces mean nothing to git.
        let line = line.replace('{', "\\{").replace('}', "\\}");
        let glob = if is_anchored { line } else { format!("**/{line}") };
        Self { glob, keeps, only_folders }
    }

    fn fits(&self, path: &str, is_folder: bool) -> bool {
        (is_folder || !self.only_folders) && fast_glob::glob_match(&self.glob, path)
    }
}

#[cfg(test)]
mod tests {
    use super::Ignored;

    #[test]
    fn patterns_mean_what_they_mean_to_git() {
        let ignored = Ignored::parse("# private\n*.map\n!keep.map\n/top.txt\ndrafts/\na/**/z\n\n");
        for path in ["x.map", "a/b/x.map", "top.txt", "drafts/keep.map", "deep/drafts/x", "a/z", "a/b/c/z"] {
            assert!(ignored.contains(path), "{path}");
        }
        for path in ["keep.map", "a/keep.map", "a/top.txt", "drafts", "b/z", "# private"] {
            assert!(!ignored.contains(path), "{path}");
        }
    }
}
