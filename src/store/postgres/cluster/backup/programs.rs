//! Runs `pg_dump` and `pg_restore` as the server's user. Files are handed to them open: that user
//! may not be able to reach them.

use std::process::{Command, Stdio};

use super::super::server::{failure, told};
use super::super::{ClusterError, Server, USER};

/// A program that talks to no server.
pub(super) fn offline(server: &Server, program: &'static str) -> Result<Command, ClusterError> {
    let folder = &server.binaries.folder;
    if !folder.join(program).is_file() {
        return Err(ClusterError::NoProgram { program, folder: folder.clone() });
    }
    Ok(server.program(program))
}

/// A program that talks to a database of the server behind `socket`.
pub(super) fn online(
    server: &Server,
    program: &'static str,
    socket: &std::path::Path,
    database: &str,
) -> Result<Command, ClusterError> {
    let mut command = offline(server, program)?;
    command.arg("--host").arg(socket).args(["--port", "5432", "--username", USER]);
    command.args(["--no-password", "--dbname", database]);
    Ok(command)
}

/// Runs it to its end and returns what it printed, if its output was not sent elsewhere. It is
/// killed if nobody waits for it any more.
pub(super) async fn run(
    program: &'static str,
    mut command: Command,
) -> Result<String, ClusterError> {
    command.stderr(Stdio::piped());
    let failed = |err: std::io::Error| failure(program, err.to_string());
    let mut command = tokio::process::Command::from(command);
    let child = command.kill_on_drop(true).spawn().map_err(failed)?;
    let output = child.wait_with_output().await.map_err(failed)?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(failure(program, told(&String::from_utf8_lossy(&output.stderr))))
}
