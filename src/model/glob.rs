//! Patterns in which people name several things at once.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A pattern for a whole text: `*` is anything, also nothing, `?` is one sign, and `\` before one of
/// the three means the sign itself. Every text is a pattern.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Glob {
    pattern: String,
    parts: Vec<Part>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Any,
    One,
    Sign(char),
}

impl Glob {
    pub fn new(pattern: impl Into<String>) -> Glob {
        let pattern = pattern.into();
        let mut signs = pattern.chars().peekable();
        let mut parts = Vec::new();
        while let Some(sign) = signs.next() {
            parts.push(match sign {
                '*' => Part::Any,
                '?' => Part::One,
                '\\' => Part::Sign(signs.next_if(|next| "*?\\".contains(*next)).unwrap_or(sign)),
                sign => Part::Sign(sign),
            });
        }
        Glob { pattern, parts }
    }

    /// In time of pattern x text at worst.
    pub fn matches(&self, text: &str) -> bool {
        let text: Vec<char> = text.chars().collect();
        let (mut part, mut sign) = (0, 0);
        // Where to go on if what follows the last `*` does not fit: one sign later.
        let mut retry = None;
        while sign < text.len() {
            match self.parts.get(part) {
                Some(Part::Any) => {
                    part += 1;
                    retry = Some((part, sign));
                }
                Some(Part::One) => (part, sign) = (part + 1, sign + 1),
                Some(Part::Sign(wanted)) if *wanted == text[sign] => {
                    (part, sign) = (part + 1, sign + 1);
                }
                _ => {
                    let Some((after, from)) = retry else { return false };
                    retry = Some((after, from + 1));
                    (part, sign) = (after, from + 1);
                }
            }
        }
        self.parts[part..].iter().all(|part| *part == Part::Any)
    }

    /// The same as the pattern of SQL's `LIKE` with its usual escape.
    pub fn like(&self) -> String {
        let mut like = String::with_capacity(self.pattern.len());
        for part in &self.parts {
            match part {
                Part::Any => like.push('%'),
                Part::One => like.push('_'),
                Part::Sign(sign) => {
                    if matches!(sign, '%' | '_' | '\\') {
                        like.push('\\');
                    }
                    like.push(*sign);
                }
            }
        }
        like
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.pattern)
    }
}

impl From<String> for Glob {
    fn from(pattern: String) -> Glob {
        Glob::new(pattern)
    }
}

impl From<Glob> for String {
    fn from(glob: Glob) -> String {
        glob.pattern
    }
}

impl FromStr for Glob {
    type Err = std::convert::Infallible;

    fn from_str(pattern: &str) -> Result<Glob, Self::Err> {
        Ok(Glob::new(pattern))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_the_whole_text() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("a*", "a", true),
            ("a*", "ba", false),
            ("*a", "aba", true),
            ("a*b*c", "aXbXbXc", true),
            ("a*b*c", "aXbXb", false),
            ("*.test", "a.b.test", true),
            ("*.test", "test", false),
            ("??", "é!", true),
            ("?", "", false),
            ("moj:*", "moj:x", true),
            (r"\*.test", "*.test", true),
            (r"\*.test", "a.test", false),
            (r"\a\", r"\a\", true),
            ("a%b_c", "a%b_c", true),
            ("a%", "ab", false),
            ("A", "a", false),
        ] {
            assert_eq!(Glob::new(pattern).matches(text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn signs_of_like_are_escaped() {
        assert_eq!(Glob::new(r"50%_\\*?\*").like(), r"50\%\_\\%_*");
    }
}
