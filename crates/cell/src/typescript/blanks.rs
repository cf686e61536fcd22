//! A text of which parts are blanked out.

use std::collections::BTreeMap;
use std::ops::Range;

use oxc_span::Span;

/// A text, and what is to go of it. Offsets are in bytes.
pub(super) struct Blanks<'s> {
    pub(super) source: &'s str,
    gone: Vec<bool>,
    /// What stands there instead, of one byte each; it counts more than what is gone.
    put: BTreeMap<usize, char>,
}

impl<'s> Blanks<'s> {
    pub(super) fn new(source: &'s str) -> Self {
        Self { source, gone: vec![false; source.len()], put: BTreeMap::new() }
    }

    pub(super) fn erase(&mut self, range: Range<u32>) {
        self.gone[range.start as usize..range.end as usize].fill(true);
    }

    pub(super) fn put(&mut self, at: u32, character: char) {
        self.put.insert(at as usize, character);
    }

    /// Erases a whole statement or member. The semicolon keeps the line before it from running into the one after it.
    pub(super) fn erase_statement(&mut self, span: Span) {
        self.erase(span.start..span.end);
        self.put(span.start, ';');
    }

    /// Erases an item of a list, and the comma after it.
    pub(super) fn erase_item(&mut self, span: Span) {
        self.erase(span.start..span.end);
        self.erase_mark(span.end, ',');
    }

    /// Erases such a character, where it is what comes next besides blanks, comments and the bracket that ends a
    /// computed name.
    pub(super) fn erase_mark(&mut self, from: u32, mark: char) {
        let at = from + unread_bytes(&self.source[from as usize..]) as u32;
        match self.source[at as usize..].chars().next() {
            Some(']') => self.erase_mark(at + 1, mark),
            Some(found) if found == mark => self.erase(at..at + 1),
            _ => {}
        }
    }

    /// Erases those words between two places; true where the first is one of them.
    pub(super) fn erase_words(&mut self, range: Range<u32>, words: &[&str]) -> bool {
        let text = &self.source[range.start as usize..range.end as usize];
        let found = text.split(|character: char| !character.is_ascii_alphabetic());
        let mut first_is_gone = false;
        for word in found.filter(|word| words.contains(word)) {
            let offset = (word.as_ptr() as usize - text.as_ptr() as usize) as u32;
            first_is_gone |= offset == 0;
            self.erase(range.start + offset..range.start + offset + word.len() as u32);
        }
        first_is_gone
    }

    /// A statement whose end is gone would go on in the next line where that begins with a parenthesis.
    pub(super) fn end_statement(&mut self, span: Span) {
        let Some(last) = (span.end as usize).checked_sub(1) else { return };
        if self.gone[last] {
            self.put.entry(last).or_insert(';');
        }
    }

    pub(super) fn is_broken(&self, range: Range<u32>) -> bool {
        self.source[range.start as usize..range.end as usize].contains('\n')
    }

    /// What is left.
    pub(super) fn render(&self) -> String {
        let left = |(at, character): (usize, char)| match self.put.get(&at) {
            Some(instead) => *instead,
            None if self.gone[at] && !matches!(character, '\n' | '\r') => ' ',
            None => character,
        };
        self.source.char_indices().map(left).collect()
    }
}

/// How much of the beginning of a text is blanks and comments, in bytes.
fn unread_bytes(text: &str) -> usize {
    let mut rest = text.trim_start();
    loop {
        rest = match rest.get(..2) {
            Some("//") => rest.split_once('\n').map_or("", |(_, below)| below),
            Some("/*") => rest.split_once("*/").map_or("", |(_, behind)| behind),
            _ => return text.len() - rest.len(),
        }
        .trim_start();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_count_as_blanks() {
        for (text, unread) in
            [("a", 0), (" \n a", 3), ("/* ? */ ?", 8), ("// ?\n /**/!", 10), ("//", 2), ("/", 0)]
        {
            assert_eq!(unread_bytes(text), unread, "{text}");
        }
    }
}
