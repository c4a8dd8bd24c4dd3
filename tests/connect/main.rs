//! Connections to real servers: encrypted, to one of several hosts, and never telling a secret.

use std::error::Error;
use std::fs::{self, File};
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use scanflow::store::postgres::{Database, DatabaseError};
use scanflow_testing::ThrowAwayServer;
use tempfile::TempDir;

mod abandoned;
mod hosts;
mod secrets;
mod tls;

/// What must not be seen anywhere.
const CANARY: &str = "c4n4ry";

/// A server with TLS on 127.0.0.1, as `localhost`, where the user `guarded` has the password
/// [`CANARY`].
struct TlsServer {
    _server: ThrowAwayServer,
    port: u16,
    /// `ca.pem`, which signed the server's certificate, and `other.pem`, which did not.
    authorities: TempDir,
}

impl TlsServer {
    async fn start() -> TlsServer {
        let authorities = tempfile::tempdir().expect("a folder");
        let (pem, issuer) = authority("right");
        fs::write(authorities.path().join("ca.pem"), pem).expect("written");
        fs::write(authorities.path().join("other.pem"), authority("wrong").0).expect("written");
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
        let certificate = params.signed_by(&key, &issuer).expect("a certificate");

        let port = free_port();
        let settings =
            [("listen_addresses", "127.0.0.1"), ("port", &port.to_string()), ("ssl", "on")];
        let server = ThrowAwayServer::start_with(&settings, |server| {
            for (name, text) in
                [("server.crt", certificate.pem()), ("server.key", key.serialize_pem())]
            {
                let path = server.data.join(name);
                fs::write(&path, text).expect("written");
                fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("a mode");
                server.user.give(&path).expect("an owner");
            }
            let rules = server.data.join("pg_hba.conf");
            let others = fs::read_to_string(&rules).expect("rules");
            let first = "host all guarded 127.0.0.1/32 scram-sha-256";
            fs::write(&rules, format!("{first}\n{others}")).expect("written");
        });
        let admin = format!("{} port={port} dbname=postgres", server.url());
        let admin = Database::open(&admin, 1).expect("a valid URL");
        let admin = admin.client().await.expect("a connection");
        let role = format!("create role guarded login password '{CANARY}'");
        admin.batch_execute(&role).await.expect("a role");
        TlsServer { _server: server, port, authorities }
    }

    /// Options for the host under a name of one's choice.
    fn at(&self, host: &str) -> String {
        format!("host={host} hostaddr=127.0.0.1 port={} dbname=postgres", self.port)
    }

    fn authority(&self, name: &str) -> String {
        format!("sslrootcert={}", self.authorities.path().join(name).display())
    }
}

fn authority(name: &str) -> (String, Issuer<'static, KeyPair>) {
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(Vec::new()).expect("no names");
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let pem = params.self_signed(&key).expect("a certificate").pem();
    (pem, Issuer::new(params, key))
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

/// One answer of a fresh connection.
async fn ask(url: &str, question: &str) -> Result<String, DatabaseError> {
    let client = Database::open(url, 1)?.client().await?;
    Ok(client.query_one(question, &[]).await?.get(0))
}

/// The whole chain of an error, as a user sees it.
fn told(err: &dyn Error) -> String {
    let mut text = err.to_string();
    let mut next = err.source();
    while let Some(err) = next {
        text += &format!(": {err}");
        next = err.source();
    }
    text
}

fn secret_file(folder: &Path, name: &str, text: &str, mode: u32) -> std::path::PathBuf {
    let path = folder.join(name);
    let mut file = File::create(&path).expect("a file");
    file.write_all(text.as_bytes()).expect("written");
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("a mode");
    path
}
