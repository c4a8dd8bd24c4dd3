//! Makes connections as the URL asks for.

use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use tokio_postgres::NoTls;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::abandoned::Abandoned;
use super::error::DatabaseError;
use super::tls::{self, Trust};
use super::url::{DatabaseUrl, UrlError};
use super::way::{Pooler, Way};

/// For one address, if the URL does not set `connect_timeout`; of several hosts one may be gone, and
/// the next has to be tried before the lease runs out.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const CONNECT_TIMEOUT_OF_MANY: Duration = Duration::from_secs(2);
/// A peer that is gone without a word is noticed after this time, and not after two hours.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(30);
/// Between two questions whether it is still there, which the system asks rarely by itself.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(30);
/// TLS, authentication and the question whether the server takes writes.
const HANDSHAKE_MAX: Duration = Duration::from_secs(20);

/// A pool, and the way to the server behind it.
pub(super) fn pool(
    url: &DatabaseUrl,
    connections_max: usize,
    pooler: Pooler,
) -> Result<(Pool, Way), DatabaseError> {
    let parts = url.parts()?;
    let mut config = parts.config()?;
    if config.get_hosts().is_empty() {
        // TLS asks for a name.
        for address in config.get_hostaddrs().to_vec() {
            config.host(address.to_string());
        }
    }
    let is_set = |option: &str| parts.set.contains(&option);
    if !is_set("application_name") {
        config.application_name("scanflow");
    }
    let has_many = config.get_hosts().len() > 1;
    if !is_set("connect_timeout") {
        config.connect_timeout(if has_many { CONNECT_TIMEOUT_OF_MANY } else { CONNECT_TIMEOUT });
    }
    if has_many && !is_set("target_session_attrs") {
        // Of several hosts one is the primary, and which one it is may change.
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
    }
    if !is_set("keepalives_idle") {
        config.keepalives_idle(KEEPALIVE_IDLE);
    }
    if !is_set("keepalives_interval") {
        config.keepalives_interval(KEEPALIVE_INTERVAL);
    }
    if !is_set("tcp_user_timeout") {
        config.tcp_user_timeout(TCP_USER_TIMEOUT);
    }

    let trust = match parts.sslmode.as_deref() {
        None | Some("prefer") => {
            config.ssl_mode(SslMode::Prefer);
            Trust::Anyone
        }
        Some("disable") => {
            config.ssl_mode(SslMode::Disable);
            Trust::Anyone
        }
        Some(mode @ ("require" | "verify-ca" | "verify-full")) => {
            config.ssl_mode(SslMode::Require);
            match mode {
                "verify-full" => Trust::Host,
                "verify-ca" => Trust::Authority,
                // As libpq has it: who names authorities means them.
                _ if parts.sslrootcert.is_some() => Trust::Authority,
                _ => Trust::Anyone,
            }
        }
        Some(_) => return Err(UrlError::Value("sslmode").into()),
    };
    // Postgres offers no TLS on a Unix socket.
    if config.get_hostaddrs().is_empty()
        && config.get_hosts().iter().all(|host| matches!(host, Host::Unix(_)))
    {
        config.ssl_mode(SslMode::Disable);
    }

    let server = server(&config);
    let hosts = config.get_hosts().len();
    let each = config.get_connect_timeout().copied().unwrap_or(CONNECT_TIMEOUT);
    let create_timeout = (each + HANDSHAKE_MAX) * u32::try_from(hosts).unwrap_or(u32::MAX);

    let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let tls = match config.get_ssl_mode() {
        SslMode::Disable => None,
        _ => {
            let tls = tls::client_config(trust, parts.sslrootcert.as_deref())?;
            Some(MakeRustlsConnect::new(tls))
        }
    };
    let manager = match tls.clone() {
        None => Manager::from_config(config, NoTls, recycling),
        Some(tls) => Manager::from_config(config, tls, recycling),
    };
    let pool = Pool::builder(manager)
        .max_size(connections_max)
        .create_timeout(Some(create_timeout))
        .runtime(Runtime::Tokio1)
        .build()
        .map_err(|err| DatabaseError::Pool(err.to_string()))?;
    Ok((pool, Way::new(url.clone(), server, pooler, Abandoned::new(tls))))
}

/// Hosts, ports and database, without user and password.
fn server(config: &tokio_postgres::Config) -> String {
    let port = |index: usize| {
        let ports = config.get_ports();
        ports.get(index).or(ports.first()).copied().unwrap_or(5432)
    };
    let hosts = config.get_hosts().iter().enumerate().map(|(index, host)| match host {
        Host::Tcp(name) => format!("{name}:{}", port(index)),
        Host::Unix(folder) => format!("{}/.s.PGSQL.{}", folder.display(), port(index)),
    });
    let hosts = hosts.collect::<Vec<_>>().join(" or ");
    match config.get_dbname() {
        Some(name) => format!("database {name} at {hosts}"),
        None => hosts,
    }
}
