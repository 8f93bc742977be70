use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

/// Spelling suggestions from a word list kept as a trie.
///
/// The rows of the Levenshtein table are computed once per node, so words that share a beginning share
/// the work, and a branch is left as soon as no word below it can be close enough.
#[derive(Debug, Default)]
pub struct Dictionary {
    nodes: Vec<Node>,
}

#[derive(Debug, Default)]
struct Node {
    children: HashMap<char, u32>,
    frequency: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Suggestion {
    pub distance: usize,
    pub rarity: Reverse<u32>,
    pub word: String,
}

impl<S: AsRef<str>> FromIterator<S> for Dictionary {
    fn from_iter<I: IntoIterator<Item = S>>(words: I) -> Self {
        let mut dictionary = Dictionary::new();
        dictionary.extend(words);
        dictionary
    }
}

impl<S: AsRef<str>> Extend<S> for Dictionary {
    fn extend<I: IntoIterator<Item = S>>(&mut self, words: I) {
        words.into_iter().for_each(|word| self.insert(word.as_ref(), 1));
    }
}

impl Dictionary {
    pub fn new() -> Self {
        Dictionary { nodes: vec![Node::default()] }
    }

    pub fn insert(&mut self, word: &str, times: u32) {
        let mut at = 0usize;
        for letter in word.chars().flat_map(char::to_lowercase) {
            let fresh = self.nodes.len() as u32;
            let next = *self.nodes[at].children.entry(letter).or_insert(fresh);
            if next == fresh {
                self.nodes.push(Node::default());
            }
            at = next as usize;
        }
        let node = &mut self.nodes[at];
        node.frequency = node.frequency.saturating_add(times);
    }

    pub fn contains(&self, word: &str) -> bool {
        word.chars()
            .try_fold(0usize, |at, letter| self.nodes[at].children.get(&letter).map(|&next| next as usize))
            .is_some_and(|at| self.nodes[at].frequency > 0)
    }

    /// The `count` best words within `reach` edits, nearest first and among equals the most frequent.
    pub fn suggest(&self, word: &str, reach: usize, count: usize) -> Vec<Suggestion> {
        let letters: Vec<char> = word.chars().flat_map(char::to_lowercase).collect();
        let first_row: Vec<usize> = (0..=letters.len()).collect();
        let mut search = Search { dictionary: self, letters: &letters, reach, count, best: BinaryHeap::new() };
        search.descend(0, &first_row, &mut String::new());
        search.best.into_sorted_vec()
    }
}

struct Search<'d, 'w> {
    dictionary: &'d Dictionary,
    letters: &'w [char],
    reach: usize,
    count: usize,
    best: BinaryHeap<Suggestion>,
}

impl Search<'_, '_> {
    fn descend(&mut self, at: u32, row: &[usize], spelled: &mut String) {
        let node = &self.dictionary.nodes[at as usize];
        let distance = row[row.len() - 1];
        if node.frequency > 0 && distance <= self.reach {
            self.keep(Suggestion { distance, rarity: Reverse(node.frequency), word: spelled.clone() });
        }
        for (&letter, &child) in &node.children {
            let next = self.next_row(row, letter);
            if next.iter().min().is_some_and(|&least| least <= self.reach) {
                spelled.push(letter);
                self.descend(child, &next, spelled);
                spelled.pop();
            }
        }
    }

    fn next_row(&self, row: &[usize], letter: char) -> Vec<usize> {
        let mut next = Vec::with_capacity(row.len());
        next.push(row[0] + 1);
        for (i, &ours) in self.letters.iter().enumerate() {
            let replace = row[i] + usize::from(ours != letter);
            next.push(replace.min(row[i + 1] + 1).min(next[i] + 1));
        }
        next
    }

    fn keep(&mut self, found: Suggestion) {
        self.best.push(found);
        if self.best.len() > self.count {
            self.best.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Dictionary;

    fn words(text: &str, typed: &str, reach: usize) -> Vec<String> {
        let dictionary: Dictionary = text.split_whitespace().collect();
        dictionary.suggest(typed, reach, 3).into_iter().map(|s| s.word).collect()
    }

    #[test]
    fn nearest_first_then_frequent() {
        let text = "harbour harbor harbor labour arbour";
        assert_eq!(words(text, "harbr", 2), ["harbor", "harbour"]);
        assert_eq!(words(text, "Labour", 0), ["labour"]);
        assert!(words(text, "xylophone", 2).is_empty());
    }

    #[test]
    fn prefixes_are_not_words() {
        let dictionary: Dictionary = ["über", "übermut"].into_iter().collect();
        assert!(dictionary.contains("über") && !dictionary.contains("überm"));
    }
}
