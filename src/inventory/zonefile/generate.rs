//! `$GENERATE`, by which BIND writes many records in one line.

use super::lexer::Token;

/// The longest number that one `$` may stand for; a name has no more bytes.
const WIDTH_MAX: usize = 255;

/// The numbers of `start-stop[/step]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Numbers {
    start: u32,
    stop: u32,
    step: u32,
}

impl Numbers {
    pub(super) fn read(token: &Token<'_>) -> Option<Numbers> {
        let (range, step) = match token.word()?.split_once('/') {
            Some((range, step)) => (range, step.parse().ok()?),
            None => (token.word()?, 1),
        };
        let (start, stop) = range.split_once('-')?;
        let numbers = Numbers { start: start.parse().ok()?, stop: stop.parse().ok()?, step };
        let is_right =
            numbers.start <= numbers.stop && step > 0 && i32::try_from(numbers.stop).is_ok();
        is_right.then_some(numbers)
    }

    pub(super) fn count(self) -> u32 {
        (self.stop - self.start) / self.step + 1
    }

    pub(super) fn iter(self) -> impl Iterator<Item = u32> {
        (0..self.count()).map(move |at| self.start + at * self.step)
    }
}

/// Puts a number in the place of `$`, which `${offset,width,base}` modifies. `\$` and `$$` are a
/// dollar.
///
/// # Errors
/// A modifier that is none, and a number below zero.
pub(super) fn expand(text: &[u8], number: u32) -> Result<Vec<u8>, String> {
    let mut written = Vec::with_capacity(text.len() + 8);
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match (byte, after) {
            (b'\\', [next, after @ ..]) => {
                written.extend([b'\\', *next]);
                rest = after;
            }
            (b'$', [b'$', after @ ..]) => {
                written.extend(b"\\$");
                rest = after;
            }
            (b'$', [b'{', after @ ..]) => {
                let refused = || format!("`${{{}`", String::from_utf8_lossy(after));
                let end = after.iter().position(|byte| *byte == b'}').ok_or_else(refused)?;
                let modifier = std::str::from_utf8(&after[..end]).map_err(|_| refused())?;
                let digits = modified(modifier, number).ok_or_else(refused)?;
                written.extend(digits.bytes());
                rest = &after[end + 1..];
            }
            (b'$', _) => written.extend(number.to_string().bytes()),
            _ => written.push(byte),
        }
    }
    Ok(written)
}

fn modified(modifier: &str, number: u32) -> Option<String> {
    let mut parts = modifier.split(',');
    let offset: i64 = parts.next()?.trim().parse().ok()?;
    let width: usize = parts.next().map_or(Some(0), |width| width.trim().parse().ok())?;
    let base = parts.next().map_or("d", str::trim);
    let number = offset.checked_add(i64::from(number))?;
    let number = u32::try_from(number).ok().filter(|_| width <= WIDTH_MAX)?;
    if parts.next().is_some() {
        return None;
    }
    Some(match base {
        "d" => format!("{number:0width$}"),
        "o" => format!("{number:0width$o}"),
        "x" => format!("{number:0width$x}"),
        "X" => format!("{number:0width$X}"),
        "n" => nibbles(&format!("{number:x}"), width),
        "N" => nibbles(&format!("{number:X}"), width),
        _ => return None,
    })
}

/// The digits from the last to the first as labels, as in `ip6.arpa`. The dots count for the width,
/// so an even one ends with a dot.
fn nibbles(digits: &str, width: usize) -> String {
    let mut labels = String::new();
    let mut digits = digits.chars().rev().peekable();
    while let Some(digit) = digits.next().or((labels.len() < width).then_some('0')) {
        labels.push(digit);
        if labels.len() < width || digits.peek().is_some() {
            labels.push('.');
        }
    }
    labels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_with_steps() {
        let read = |text: &str| Numbers::read(&Token::unquoted(text.as_bytes()));
        assert_eq!(read("1-9/4").unwrap().iter().collect::<Vec<_>>(), [1, 5, 9]);
        assert_eq!(read("0-65535").unwrap().count(), 65_536);
        assert_eq!(read("0-2147483647").unwrap().count(), 1 << 31);
        for wrong in ["", "1", "2-1", "1-2/0", "a-b", "1-4294967295", "-1-2"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_dollar_is_the_number_as_its_modifier_says() {
        for (text, expected) in [
            ("a$b", "a10b"),
            ("${0,4}", "0010"),
            ("${-3,2,d}", "07"),
            ("${1,2,x}${1,2,X}", "0b0B"),
            ("${0,3,o}", "012"),
            ("${22,7,n}", "0.2.0.0"),
            ("${22,0,n}", "0.2"),
            ("${22,4,n}", "0.2."),
            ("${-10,1,n}", "0"),
            ("\\$$$", "\\$\\$"),
            ("\\\\$", "\\\\10"),
        ] {
            let got = expand(text.as_bytes(), 10).unwrap();
            assert_eq!(String::from_utf8(got).unwrap(), expected, "{text}");
        }
        for wrong in ["${", "${}", "${-11}", "${0,999}", "${0,1,q}", "${0,1,d,1}"] {
            assert!(expand(wrong.as_bytes(), 10).is_err(), "{wrong}");
        }
    }
}
