//! No password in what is shown, whatever goes wrong.

use scanflow::store::postgres::url::refuse_password_in_argv;
use scanflow::store::postgres::{Database, DatabaseError, DatabaseUrl};

use super::{CANARY, TlsServer, ask, free_port, secret_file, told};

fn assert_silent(err: &(dyn std::error::Error + 'static), case: &str) {
    for text in [told(err), format!("{err:?}"), format!("{err:#?}")] {
        assert!(!text.contains(CANARY), "{case}: {text}");
    }
}

#[test]
fn a_url_that_cannot_be_used_is_not_quoted() {
    for (url, word) in [
        (format!("host=h password=x {CANARY}"), "form"),
        (format!("host=h password=x {CANARY}=y"), "option number 3"),
        (format!("host=h password='{CANARY}"), "`password`"),
        (format!("host=h password={CANARY} port=no"), "`port`"),
        (format!("host=h password={CANARY} sslmode=no"), "`sslmode`"),
        (format!("host=h password={CANARY} sslkey=x"), "`sslkey`"),
        (format!("postgres://u:x@{CANARY}@h/d"), "form"),
        (format!("postgres://u:x?{CANARY}@h/d?sslmode=no"), "`sslmode`"),
        (format!("postgres://u:{CANARY}@h:no/d"), "`port`"),
        (format!("postgres://u@h/d?{CANARY}"), "form"),
        (format!("postgres://u@h/d?{CANARY}=1"), "option number 1"),
        (format!("postgres://u@h/d?password=%zz{CANARY}"), "`password`"),
        (format!("mysql://u:{CANARY}@h/d"), "form"),
    ] {
        let err = Database::open(&url, 1).expect_err(&url);
        assert_silent(&err, &url);
        assert!(told(&err).contains(word), "{}", told(&err));
        assert!(!err.is_transient());
    }
}

#[tokio::test]
async fn a_failing_connection_tells_no_password() {
    let server = TlsServer::start().await;
    let right = format!("password={CANARY}");
    let wrong = format!("password={CANARY}-");
    let at = server.at("localhost");
    let nobody = format!("host=127.0.0.1 port={} user=guarded {right}", free_port());
    for (url, question) in [
        (format!("{at} user=guarded {wrong}"), "select ''"),
        (format!("{at} user=guarded {right}"), "no statement"),
        (format!("{at} user=guarded {right} dbname=none"), "select ''"),
        (format!("{at} user=guarded {right} sslmode=verify-full"), "select ''"),
        (format!("{at} user=guarded {right} options='-c no=1'"), "select ''"),
        (format!("{at} user=guarded {right}"), "select secret"),
        (nobody, "select ''"),
    ] {
        let err = ask(&url, question).await.expect_err(&url);
        assert_silent(&err, &url);
    }
    let url = format!("{at} user=guarded {right}");
    let database = Database::open(&url, 1).expect("a valid URL");
    let _client = database.client().await.expect("a connection");
    let shown = format!("{database:?} {:?}", DatabaseUrl::new(&url));
    assert!(!shown.contains(CANARY) && shown.contains("localhost"), "{shown}");
}

#[test]
fn a_password_among_the_arguments_is_refused() {
    for url in [
        format!("postgres://u:{CANARY}@h/d"),
        format!("postgres://u@h/d?password={CANARY}"),
        format!("host=h password = '{CANARY}'"),
        format!("host=h {CANARY}"),
    ] {
        let err = refuse_password_in_argv(&url).expect_err(&url);
        assert_silent(&err, &url);
    }
    let err = refuse_password_in_argv("host=h password=x").expect_err("a password");
    assert!(err.to_string().contains("database.url_file"), "{err}");
    for url in ["postgres://u@h/d?sslmode=verify-full", "host=/run/postgresql user=u dbname=d"] {
        refuse_password_in_argv(url).expect("no password");
    }
}

#[test]
fn a_file_holds_the_url_in_its_first_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("postgres://u:{CANARY}@h/d");
    let file = |name, text: &str, mode| secret_file(folder.path(), name, text, mode);

    let two_lines = format!("{url} \nmore\n");
    let read = DatabaseUrl::from_file(&file("private", &two_lines, 0o640)).expect("a URL");
    assert_eq!(read, DatabaseUrl::new(&url));
    DatabaseUrl::from_file(&file("harmless", "host=/run/postgresql", 0o644)).expect("a URL");

    for (path, word) in [
        (file("public", &url, 0o644), "chmod o="),
        (file("empty", "", 0o600), "form"),
        (file("broken", &format!("host=h {CANARY}"), 0o600), "form"),
        (folder.path().join("missing"), "missing"),
    ] {
        let err = DatabaseUrl::from_file(&path).expect_err("no URL");
        let err = DatabaseError::from(err);
        assert_silent(&err, word);
        assert!(told(&err).contains(word), "{}", told(&err));
    }
}
