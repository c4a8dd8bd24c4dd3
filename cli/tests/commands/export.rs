//! `scanflow export`: what two runs that did the same work have in common.

use crate::process::Place;

/// One zone of two sources; `first_id` and `sequence` differ between runs, and so does the order in
/// which assets are scanned.
async fn scanned(first_id: i64, sequence: i64, order: [&str; 2]) -> Place {
    let place = Place::filled(&format!(
        "alter sequence asset_ids restart with {first_id};
         insert into sources (name) values ('{0}'), ('{1}');
         insert into accounts (source_id, external_id, name, plan, content_hash)
             select id, 'acc', 'A', 'free', gen_random_uuid() from sources order by id;
         insert into zones (source_id, external_id, account_id, name, records_complete, content_hash)
             select source_id, 'z', id, 'z.test', true, gen_random_uuid() from accounts order by id;
         insert into scan_state (asset_id) select id from accounts union all select id from zones;
         insert into checks (name) values ('a.first'), ('b.second');",
        order[0], order[1],
    ))
    .await;
    let client = place.test.database.client().await.expect("a connection");
    // Found, changed, resolved: a scan each.
    for (n, (version, subjects)) in [(1, "{x,y}"), (1, "{x,y,w}"), (2, "{x}")].iter().enumerate() {
        for source in order {
            let flush = format!(
                "select flush_outcomes(now(), array[id], array[{version}]::bigint[],
                     array[{sequence} + {n}]::bigint[], array[now()], array[1]::bigint[], array[1],
                     array[gen_random_uuid()], array[1], array[1, 1],
                     array[1, 2]::smallint[], array[false, false],
                     array(select 1 from unnest('{subjects}'::text[])),
                     array(select 1::smallint from unnest('{subjects}'::text[])),
                     '{subjects}'::text[],
                     array(select 3::smallint from unnest('{subjects}'::text[])),
                     array(select '{{\"n\": {n}}}' from unnest('{subjects}'::text[])), false)
                   from zones z
                  where source_id = (select id from sources where name = '{source}')"
            );
            client.batch_execute(&flush).await.expect("a flush");
        }
    }
    drop(client);
    place
}

#[tokio::test]
async fn ids_times_sequences_and_the_order_of_work_leave_no_trace() {
    let one = scanned(1, 1, ["alpha", "beta"]).await.run(&["export"]);
    let other = scanned(7_000, 1 << 40, ["beta", "alpha"]).await.run(&["export"]);
    assert_eq!((one.exit, other.exit), (0, 0), "{}{}", one.stderr, other.stderr);
    assert_eq!(one.stdout, other.stdout);

    let lines = one.json_lines();
    let of = |line: &str| lines.iter().filter(|of| of["line"] == line).count();
    assert_eq!((of("insight"), of("event")), (2 * 3, 2 * (2 + 3 + 3)));
    let expected = concat!(
        r#"{"line":"insight","source":"alpha","asset_kind":"zone","asset":"z","check":"a.first","#,
        r#""subject":"w","state":"resolved","severity":"high","reason":"fixed","evidence":{"n":1}}"#,
    );
    assert_eq!(one.stdout.lines().next(), Some(expected));
    let states: Vec<&str> =
        lines[6..14].iter().map(|line| line["state"].as_str().expect("a state")).collect();
    let expected =
        ["opened", "opened", "opened", "changed", "changed", "resolved", "changed", "resolved"];
    assert_eq!(states, expected, "by fence, then by subject");
    assert_eq!(lines[13]["config_version"], 2);

    let different = scanned(1, 1, ["alpha", "gamma"]).await.run(&["export"]);
    assert_ne!(different.stdout, one.stdout);
}
