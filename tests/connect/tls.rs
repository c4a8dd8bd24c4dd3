//! What each `sslmode` accepts.

use super::{CANARY, TlsServer, ask, free_port, told};

const IS_ENCRYPTED: &str =
    "select ssl::text || ' ' || version from pg_stat_ssl where pid = pg_backend_pid()";

#[tokio::test]
async fn trusts_as_much_as_the_url_says() {
    let server = TlsServer::start().await;
    let (right, wrong) = (server.authority("ca.pem"), server.authority("other.pem"));
    let refused_issuer = Some("invalid peer certificate: UnknownIssuer");
    let refused_name = Some("not valid for name");
    for (mode, host, authority, refused) in [
        ("prefer", "localhost", "", None),
        ("require", "localhost", "", None),
        ("require", "other.test", "", None),
        ("require", "localhost", &*wrong, refused_issuer),
        ("verify-ca", "localhost", &right, None),
        ("verify-ca", "other.test", &right, None),
        ("verify-ca", "localhost", &wrong, refused_issuer),
        ("verify-full", "localhost", &right, None),
        ("verify-full", "other.test", &right, refused_name),
        ("verify-full", "localhost", &wrong, refused_issuer),
    ] {
        let url = format!("{} user=scanflow sslmode={mode} {authority}", server.at(host));
        let answer = ask(&url, IS_ENCRYPTED).await;
        match (answer, refused) {
            (Ok(answer), None) => assert_eq!(answer, "true TLSv1.3", "{url}"),
            (Err(err), Some(reason)) => {
                let text = told(&err);
                assert!(text.contains(reason), "{url}: {text}");
                assert!(text.contains(host), "{text}");
                assert!(!err.is_transient(), "{text}");
            }
            (answer, refused) => panic!("{url}: {answer:?}, not {refused:?}"),
        }
    }
    let plain = format!("{} user=scanflow sslmode=disable", server.at("localhost"));
    let is_plain = "select ssl::text from pg_stat_ssl where pid = pg_backend_pid()";
    assert_eq!(ask(&plain, is_plain).await.expect("an answer"), "false");
}

/// With SCRAM bound to the channel, and both forms of the URL.
#[tokio::test]
async fn authenticates_inside_the_channel() {
    let server = TlsServer::start().await;
    let authority = server.authority("ca.pem");
    let file = authority.trim_start_matches("sslrootcert=").replace('/', "%2F");
    let keywords = format!(
        "{} user=guarded password='{CANARY}' sslmode = verify-full {authority} \
         channel_binding=require",
        server.at("localhost")
    );
    let url = format!(
        "postgres://guarded:{CANARY}@localhost:{}/postgres?sslmode=verify-full&sslrootcert={file}\
         &channel_binding=require",
        server.port
    );
    for url in [keywords, url] {
        let name = ask(&url, "select current_user::text").await.expect("an answer");
        assert_eq!(name, "guarded");
        let program = ask(&url, "show application_name").await.expect("an answer");
        assert_eq!(program, "scanflow");
    }
}

#[tokio::test]
async fn says_which_certificates_are_of_no_use() {
    let port = free_port();
    for file in ["/nowhere/ca.pem", "/dev/null"] {
        let url = format!("host=localhost port={port} sslmode=verify-full sslrootcert={file}");
        let err = ask(&url, "select ''").await.expect_err("no certificates");
        assert!(told(&err).contains(file) && !err.is_transient(), "{}", told(&err));
    }
}
