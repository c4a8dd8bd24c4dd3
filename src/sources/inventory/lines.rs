//! Files as lines of bounded length, compressed or not.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

/// A longer line is passed over and told of. A TXT record has at most 64 KiB, of which each byte
/// takes at most six characters.
const LINE_BYTES_MAX: usize = 8 << 20;

const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Opens a file; what is compressed with zstd, by its name or first bytes, is decompressed. Only a
/// regular file can be read twice, as an import does.
pub(super) fn open(path: &Path) -> io::Result<Box<dyn BufRead>> {
    let file = File::open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let mut file = BufReader::with_capacity(1 << 16, file);
    let named = path.extension().is_some_and(|extension| extension == "zst");
    if named || file.fill_buf()?.starts_with(&ZSTD_MAGIC) {
        let decoder = zstd::stream::read::Decoder::with_buffer(file)?;
        return Ok(Box::new(BufReader::with_capacity(1 << 17, decoder)));
    }
    Ok(Box::new(file))
}

/// One line of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line<'l> {
    /// Without its end.
    Text(&'l [u8]),
    TooLong,
}

/// The lines of a file that are not blank.
pub(super) struct Lines {
    reader: Box<dyn BufRead>,
    line: Vec<u8>,
    /// Of the last line, from 1.
    pub(super) number: u64,
}

impl Lines {
    pub(super) fn new(reader: Box<dyn BufRead>) -> Lines {
        Lines { reader, line: Vec::new(), number: 0 }
    }

    /// None at the end. After an error, what came of the line that was being read is lost.
    pub(super) fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        loop {
            self.line.clear();
            let limit = LINE_BYTES_MAX as u64 + 1;
            let read = self.reader.by_ref().take(limit).read_until(b'\n', &mut self.line)?;
            if read == 0 {
                return Ok(None);
            }
            self.number += 1;
            if self.line.last() != Some(&b'\n') && read > LINE_BYTES_MAX {
                self.line.clear();
                self.reader.skip_until(b'\n')?;
                return Ok(Some(Line::TooLong));
            }
            let line = self.line.trim_ascii_end();
            // A byte order mark.
            let skipped = if self.number == 1 && line.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
            let length = line.len();
            if length > skipped {
                return Ok(Some(Line::Text(&self.line[skipped..length])));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_too_long_is_passed_over_and_counted() {
        let mut text = b"\xef\xbb\xbfa\r\n\n".to_vec();
        text.extend(std::iter::repeat_n(b'x', LINE_BYTES_MAX + 1));
        text.extend(b"\nlast");
        let mut lines = Lines::new(Box::new(io::Cursor::new(text)));
        assert_eq!(lines.next().expect("a line"), Some(Line::Text(b"a")));
        assert_eq!(lines.next().expect("a line"), Some(Line::TooLong));
        assert_eq!(lines.number, 3);
        assert_eq!(lines.next().expect("a line"), Some(Line::Text(b"last")));
        assert_eq!(lines.next().expect("the end"), None);
    }
}
