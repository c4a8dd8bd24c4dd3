//! From the bytes of a zone file to its logical lines (RFC 1035 §5.1): quotes, parentheses and
//! comments. The parser of `domain` gets what is read here one entry at a time, since alone it
//! loses a last line without a newline and stops at a bad one.

use crate::inventory::normalise::unescape;

/// How often an unclosed parenthesis is passed over. Each time the rest of the file is read again.
const UNCLOSED_MAX: u32 = 16;

/// A word of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token<'t> {
    /// With its escapes, without its quotes.
    pub(super) text: &'t [u8],
    pub(super) is_quoted: bool,
    /// No space stands before it: the text of `alpn="h2,h3"`.
    pub(super) is_glued: bool,
}

/// A line, or several in parentheses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry<'t> {
    /// The first line, counted from 1.
    pub(super) line: u64,
    /// Begins with a space: the owner is that of the entry before.
    pub(super) is_indented: bool,
    /// At least one.
    pub(super) tokens: Vec<Token<'t>>,
    /// The last comment, without its semicolon.
    pub(super) comment: &'t [u8],
}

/// A line that is no entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) line: u64,
    pub(super) reason: &'static str,
}

/// Gives the entries of a text in order. After a fault it goes on with the next line.
#[derive(Clone, Debug)]
pub(super) struct Lexer<'t> {
    text: &'t [u8],
    at: usize,
    line: u64,
    unclosed: u32,
}

impl<'t> Lexer<'t> {
    pub(super) fn new(text: &'t [u8]) -> Lexer<'t> {
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        Lexer { text, at: 0, line: 1, unclosed: 0 }
    }

    fn skip_line(&mut self, from: usize) {
        let rest = &self.text[from..];
        self.at = match rest.iter().position(|byte| *byte == b'\n') {
            Some(length) => from + length + 1,
            None => self.text.len(),
        };
        self.line += 1;
    }

    /// The end of what goes on until `is_end`, at the latest the end of the text.
    fn end(&self, from: usize, is_end: impl Fn(u8) -> bool) -> usize {
        let (mut at, mut is_escaped) = (from, false);
        while let Some(&byte) = self.text.get(at) {
            match byte {
                b'\n' => break,
                _ if is_escaped => is_escaped = false,
                b'\\' => is_escaped = true,
                _ if is_end(byte) => break,
                _ => {}
            }
            at += 1;
        }
        at
    }

    /// Reads one entry; None: the line holds none.
    fn entry(&mut self) -> Result<Option<Entry<'t>>, Fault> {
        let (first_line, first_at) = (self.line, self.at);
        let is_indented = matches!(self.text[self.at], b' ' | b'\t');
        let mut tokens = Vec::with_capacity(8);
        let mut comment: &[u8] = &[];
        let (mut depth, mut last_end) = (0_u32, usize::MAX);
        while let Some(&byte) = self.text.get(self.at) {
            let start = self.at;
            self.at += 1;
            match byte {
                b'\n' => {
                    self.line += 1;
                    if depth == 0 {
                        break;
                    }
                }
                b' ' | b'\t' | b'\r' | b'\x0b' | b'\x0c' => {}
                b';' => {
                    let rest = &self.text[self.at..];
                    let length = rest.iter().position(|byte| *byte == b'\n');
                    comment = &rest[..length.unwrap_or(rest.len())];
                    self.at += comment.len();
                }
                b'(' => depth += 1,
                b')' if depth == 0 => {
                    self.skip_line(start);
                    return Err(Fault { line: first_line, reason: "`)` without `(`" });
                }
                b')' => depth -= 1,
                b'"' => {
                    let end = self.end(self.at, |byte| byte == b'"');
                    if self.text.get(end) != Some(&b'"') {
                        let line = self.line;
                        self.skip_line(end);
                        return Err(Fault { line, reason: "a quote without its end" });
                    }
                    let is_glued = last_end == start;
                    let text = &self.text[self.at..end];
                    tokens.push(Token { text, is_quoted: true, is_glued });
                    self.at = end + 1;
                    last_end = self.at;
                }
                _ => {
                    let end = self.end(start, |byte| {
                        byte.is_ascii_whitespace() || b"\";()\x0b".contains(&byte)
                    });
                    let text = &self.text[start..end];
                    // A backslash does not escape the end of a line, nor what is part of it.
                    let is_cut =
                        text.ends_with(b"\\\r") && matches!(self.text.get(end), None | Some(b'\n'));
                    let text = if is_cut { &text[..text.len() - 1] } else { text };
                    let is_glued = last_end == start;
                    tokens.push(Token { text, is_quoted: false, is_glued });
                    self.at = end;
                    last_end = end;
                }
            }
        }
        if depth > 0 {
            self.line = first_line;
            self.skip_line(first_at);
            self.unclosed += 1;
            let reason = if self.unclosed < UNCLOSED_MAX {
                "`(` without `)`"
            } else {
                self.at = self.text.len();
                "`(` without `)`: so many that the rest is not read"
            };
            return Err(Fault { line: first_line, reason });
        }
        let entry = Entry { line: first_line, is_indented, tokens, comment };
        Ok((!entry.tokens.is_empty()).then_some(entry))
    }
}

impl<'t> Iterator for Lexer<'t> {
    type Item = Result<Entry<'t>, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.at < self.text.len() {
            if let Some(entry) = self.entry().transpose() {
                return Some(entry);
            }
        }
        None
    }
}

impl<'t> Token<'t> {
    /// A token that stands alone.
    pub(super) fn unquoted(text: &'t [u8]) -> Token<'t> {
        Token { text, is_quoted: false, is_glued: false }
    }
}

impl Token<'_> {
    /// The token as a keyword; quotes make it a text.
    pub(super) fn word(&self) -> Option<&str> {
        if self.is_quoted { None } else { std::str::from_utf8(self.text).ok() }
    }

    /// Writes the token in visible ASCII: what is not, as `\DDD`.
    pub(super) fn write_ascii(&self, into: &mut String) {
        use std::fmt::Write;
        if self.text.iter().all(|byte| matches!(byte, b' '..=b'~')) {
            into.extend(self.text.iter().map(|byte| char::from(*byte)));
            return;
        }
        let mut is_escaped = false;
        for &byte in self.text {
            if matches!(byte, b' '..=b'~') {
                into.push(char::from(byte));
                is_escaped = byte == b'\\' && !is_escaped;
            } else {
                // An escaped byte that is not visible stands for itself.
                let backslash = if is_escaped { "" } else { "\\" };
                write!(into, "{backslash}{byte:03}").expect("a String takes everything");
                is_escaped = false;
            }
        }
    }
}

impl Token<'_> {
    /// Writes the token as it stands in a file: visible ASCII, and its quotes.
    pub(super) fn write(&self, into: &mut String) {
        if self.is_quoted {
            into.push('"');
        }
        self.write_ascii(into);
        if self.is_quoted {
            into.push('"');
        }
    }

    /// Appends the bytes that the token stands for; None: it has a broken escape.
    pub(super) fn write_bytes(&self, into: &mut Vec<u8>) -> Option<()> {
        let mut rest = self.text;
        while let Some((&byte, after)) = rest.split_first() {
            rest = after;
            if byte == b'\\' {
                let (byte, used) = unescape(after)?;
                into.push(byte);
                rest = &after[used..];
            } else {
                into.push(byte);
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        Lexer::new(text.as_bytes())
            .map(|entry| match entry {
                Err(fault) => format!("{}! {}", fault.line, fault.reason),
                Ok(entry) => {
                    let mut line =
                        format!("{}{}", entry.line, [":", " "][usize::from(entry.is_indented)]);
                    for token in &entry.tokens {
                        let text = String::from_utf8_lossy(token.text);
                        line += &(if token.is_quoted {
                            format!("[{text}]")
                        } else {
                            format!("<{text}>")
                        });
                    }
                    line + &String::from_utf8_lossy(entry.comment)
                }
            })
            .collect()
    }

    #[test]
    fn a_line_is_words_texts_and_a_comment() {
        let text = "\u{feff}a  A\t1 ;x\r\n\n ; none\n b\\;c \"d ; \\\" (\"e;f;g\nlast";
        let expected = ["1:<a><A><1>x\r", "4 <b\\;c>[d ; \\\" (]<e>f;g", "5:<last>"];
        assert_eq!(lines(text), expected);
    }

    #[test]
    fn parentheses_join_lines() {
        let text = "a SOA (1 ; one\n  (2)\r\n 3) 4 ; four\nb(c)d\n";
        assert_eq!(lines(text), ["1:<a><SOA><1><2><3><4> four", "4:<b><c><d>"]);
    }

    #[test]
    fn a_bad_line_is_named_and_the_next_one_read() {
        assert_eq!(lines("a ) b\nc"), ["1! `)` without `(`", "2:<c>"]);
        assert_eq!(lines("a \"b\nc"), ["1! a quote without its end", "2:<c>"]);
        assert_eq!(lines("a ( b\nc\nd \\"), ["1! `(` without `)`", "2:<c>", "3:<d><\\>"]);
        let many = lines(&"(\n".repeat(5_000));
        assert_eq!(many.len(), 16);
        assert!(many[15].contains("the rest is not read"));
    }

    #[test]
    fn a_byte_that_is_not_visible_is_written_as_its_number() {
        for (text, expected) in
            [("aé\u{1}", "a\\195\\169\\001"), ("\\é", "\\195\\169"), ("\\\\\u{7f}", "\\\\\\127")]
        {
            let mut written = String::new();
            Token::unquoted(text.as_bytes()).write_ascii(&mut written);
            assert_eq!(written, expected);
        }
    }
}
