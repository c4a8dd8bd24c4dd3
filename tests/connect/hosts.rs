//! Several hosts, of which one takes writes.

use scanflow_testing::ThrowAwayServer;

use super::{ask, free_port, told};

#[tokio::test]
async fn finds_the_host_that_takes_writes() {
    let standby = ThrowAwayServer::start(&[("default_transaction_read_only", "on")]);
    let primary = ThrowAwayServer::start(&[]);
    let folder = |server: &ThrowAwayServer| {
        let url = server.url();
        let host = url.split(' ').find_map(|part| part.strip_prefix("host="));
        host.expect("a host").to_owned()
    };
    let (standby, primary) = (folder(&standby), folder(&primary));
    let wanted = "user=scanflow dbname=postgres target_session_attrs=read-write";
    for hosts in [format!("{standby},{primary}"), format!("/nowhere,{standby},{primary}")] {
        let answer = ask(&format!("host={hosts} {wanted}"), "show unix_socket_directories").await;
        assert_eq!(answer.expect("an answer"), primary);
    }
    // A failover is under way: it will be over.
    let err = ask(&format!("host={standby} {wanted}"), "select ''").await.expect_err("no primary");
    assert!(err.is_transient() && told(&err).contains("does not allow writes"), "{}", told(&err));
}

#[tokio::test]
async fn an_unreachable_server_is_named_with_the_reason() {
    let port = free_port();
    let url = format!("postgres://scanflow@127.0.0.1:{port},127.0.0.2:{port}/fleet");
    let err = ask(&url, "select ''").await.expect_err("nobody listens");
    let text = told(&err);
    let server = format!("could not connect to database fleet at 127.0.0.1:{port} or 127.0.0.2");
    assert!(text.starts_with(&server) && text.contains("Connection refused"), "{text}");
    assert!(err.is_transient());
}
