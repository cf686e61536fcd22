//! "Did you mean …?": the known word nearest to a mistyped one.

/// The most edits a suggestion may be away.
const EDITS_MAX: usize = 2;

/// Longer words are not compared: nobody mistypes them into a known one.
const WORD_MAX_CHARACTERS: usize = 64;

/// The candidate fewest edits away from `word`, if any is near; of equals the first.
pub(crate) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.chars().count() > WORD_MAX_CHARACTERS {
        return None;
    }
    // In a word of two letters two edits would make any other.
    let reach = EDITS_MAX.min(word.chars().count() / 2);
    candidates
        .into_iter()
        .map(|candidate| (edits(word, candidate), candidate))
        .filter(|&(distance, _)| distance <= reach)
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, candidate)| candidate)
}

/// The optimal string alignment distance: insertions, deletions, replacements and swaps of neighbours, without
/// regard to case.
fn edits(source: &str, target: &str) -> usize {
    let source: Vec<char> = source.to_lowercase().chars().collect();
    let target: Vec<char> = target.to_lowercase().chars().collect();
    let mut before_last = Vec::new();
    let mut last: Vec<usize> = (0..=target.len()).collect();
    for row in 1..=source.len() {
        let mut current = vec![row];
        for column in 1..=target.len() {
            let replaced = last[column - 1] + usize::from(source[row - 1] != target[column - 1]);
            let mut fewest = replaced.min(last[column] + 1).min(current[column - 1] + 1);
            let swapped = row > 1
                && column > 1
                && source[row - 1] == target[column - 2]
                && source[row - 2] == target[column - 1];
            if swapped {
                fewest = fewest.min(before_last[column - 2] + 1);
            }
            current.push(fewest);
        }
        before_last = std::mem::replace(&mut last, current);
    }
    last[target.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: [&str; 4] = ["main", "name", "kv_namespaces", "compatibility_date"];

    #[test]
    fn the_nearest_word_is_at_most_two_edits_away() {
        assert_eq!(nearest("mian", KEYS), Some("main"));
        assert_eq!(nearest("kv_namespace", KEYS), Some("kv_namespaces"));
        assert_eq!(nearest("kv_namespa", KEYS), None);
        assert_eq!(nearest("compatability_dat", KEYS), Some("compatibility_date"));
        assert_eq!(nearest("Main", KEYS), Some("main"));
    }

    #[test]
    fn short_and_endless_words_suggest_nothing() {
        assert_eq!(nearest("", KEYS), None);
        assert_eq!(nearest("x", KEYS), None);
        assert_eq!(nearest(&"a".repeat(WORD_MAX_CHARACTERS + 1), KEYS), None);
    }
}
