//! Results go to stdout. A reader that has seen enough (`| head`) is no error.

use std::io::{self, BufWriter, ErrorKind, IsTerminal, StdoutLock, Write};

const BUFFER_BYTES: usize = 64 * 1024;

/// Buffered; after the reader has left, what is written is lost.
pub(crate) struct Stdout(BufWriter<Pipe>);

struct Pipe {
    stdout: StdoutLock<'static>,
    is_closed: bool,
}

impl Stdout {
    pub(crate) fn lock() -> Stdout {
        let pipe = Pipe { stdout: io::stdout().lock(), is_closed: false };
        Stdout(BufWriter::with_capacity(BUFFER_BYTES, pipe))
    }

    /// Whether nobody reads any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.0.get_ref().is_closed
    }

    pub(crate) fn is_terminal() -> bool {
        io::stdout().is_terminal()
    }
}

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.is_closed {
            return Ok(bytes.len());
        }
        match self.stdout.write(bytes) {
            Err(err) if err.kind() == ErrorKind::BrokenPipe => {
                self.is_closed = true;
                Ok(bytes.len())
            }
            result => result,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self.stdout.flush() {
            Err(err) if err.kind() == ErrorKind::BrokenPipe => {
                self.is_closed = true;
                Ok(())
            }
            result => result,
        }
    }
}
