//! Numbers as words: one, twenty-three, million.

/// Numbers as words.
const WORDS: &[(&str, i64)] = &[
    ("zero", 0),
    ("one", 1),
    ("two", 2),
    ("three", 3),
    ("four", 4),
    ("five", 5),
    ("six", 6),
    ("seven", 7),
    ("eight", 8),
    ("nine", 9),
    ("ten", 10),
    ("eleven", 11),
    ("twelve", 12),
    ("thirteen", 13),
    ("fourteen", 14),
    ("fifteen", 15),
    ("sixteen", 16),
    ("seventeen", 17),
    ("eighteen", 18),
    ("nineteen", 19),
    ("twenty", 20),
    ("thirty", 30),
    ("forty", 40),
    ("fifty", 50),
    ("sixty", 60),
    ("seventy", 70),
    ("eighty", 80),
    ("ninety", 90),
    ("hundred", 100),
    ("thousand", 1000),
];

/// The number that a word is; hyphens join tens and ones.
pub(super) fn number_word(word: &str) -> Option<i64> {
    let find = |word: &str| WORDS.iter().find(|(w, _)| *w == word).map(|&(_, n)| n);
    let word = word.to_ascii_lowercase();
    match word.split_once('-') {
        Some((tens, ones)) => {
            let (tens, ones) = (find(tens)?, find(ones)?);
            ((20..100).contains(&tens) && (1..10).contains(&ones)).then_some(tens + ones)
        }
        None => find(&word),
    }
}

/// A word that multiplies the number before it.
pub(super) fn multiplier(word: &str) -> Option<i64> {
    match word {
        "hundred" => Some(100),
        "thousand" => Some(1000),
        "million" => Some(1_000_000),
        "billion" => Some(1_000_000_000),
        "trillion" => Some(1_000_000_000_000),
        _ => None,
    }
}
