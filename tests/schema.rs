//! The schema on a real server.

#[tokio::test]
async fn migrations_apply() {
    let test = scanflow_testing::database().await;
    let client = test.database.client().await.expect("a connection");
    let made: i32 = client
        .query_one("select ensure_history_partitions(now(), 3)", &[])
        .await
        .expect("partitions")
        .get(0);
    assert_eq!(made, 3);
}
