//! Asks the job that runs.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use scanflow_dataflows::Shape;

/// How long to wait for a connection, and for each part of an answer.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Debug, thiserror::Error)]
pub(crate) enum NotTold {
    #[error(
        "admin.listen is off or names no port: say where the job answers, as it said at its start"
    )]
    NoAddress,
    #[error("nobody answers on {address} (admin.listen): is `scanflow run` under way?")]
    Unreachable { address: SocketAddr, source: io::Error },
    #[error("what answers on {address} (admin.listen) tells no graph: {answer}")]
    NoGraph { address: SocketAddr, answer: String },
}

/// What the admin port at `address` says of its job.
pub(super) fn running(address: Option<SocketAddr>) -> Result<Shape, NotTold> {
    let address = address.filter(|address| address.port() != 0).ok_or(NotTold::NoAddress)?;
    let answer = get(address).map_err(|source| NotTold::Unreachable { address, source })?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let is_ok = head.split(' ').nth(1) == Some("200");
    let shape = if is_ok { serde_json::from_str(body).ok() } else { None };
    let said = if body.is_empty() { head } else { body };
    let answer = || said.lines().next().unwrap_or_default().to_owned();
    shape.ok_or_else(|| NotTold::NoGraph { address, answer: answer() })
}

/// HTTP/1.0: the answer comes in one piece, and ends with the connection.
fn get(address: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    write!(stream, "GET /graph HTTP/1.0\r\nHost: {address}\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
