use super::*;

#[tokio::test]
async fn rows_that_dhow_did_not_write_are_found_out() {
    use Ask::*;
    let cases: &[(&str, &[Ask])] = &[
        ("UPDATE head SET chain = '\\x00'", &[Head, Load, Log, Touch, Schema, Request]),
        ("UPDATE head SET digest = '\\x00'", &[Head, Load, Touch]),
        ("UPDATE head SET digest = '\\x09'::BYTEA || substr(digest, 2)", &[Head]),
        ("UPDATE head SET revision = -1", &[Head, Touch]),
        ("UPDATE head SET time = 9223372036854775807", &[Head, Touch]),
        ("UPDATE log SET chain = '\\x00' WHERE revision = 2", &[Log, Labels]),
        ("UPDATE log SET entry = '\\x0102' WHERE revision = 2", &[Log, Labels]),
        ("UPDATE log SET entry = substr(entry, 1, length(entry) - 9) || '\\x000000000000000000'::BYTEA WHERE revision = 2", &[Log, Labels]),
        ("UPDATE log SET revision = 9 WHERE revision = 1", &[Log]),
        ("UPDATE log SET entry = (SELECT entry FROM log WHERE revision = 1)", &[Log, Labels]),
        ("DELETE FROM log WHERE revision = 1", &[Log]),
        ("UPDATE tuple SET object_id = 'a#b'", &[Load, Filter]),
        ("UPDATE tuple SET object_id = '*'", &[Load, Filter]),
        ("UPDATE tuple SET object_type = ''", &[Load, Filter]),
        ("UPDATE tuple SET relation = 'a b'", &[Load, Filter]),
        ("UPDATE tuple SET subject_relation = '...'", &[Load, Filter]),
        ("UPDATE tuple SET subject_id = '*', subject_relation = 'member'", &[Load, Filter]),
        ("UPDATE tuple SET caveat = 'limit'", &[Load, Touch, Delete]),
        ("UPDATE tuple SET context = '\\x00000000'", &[Load, Touch]),
        ("UPDATE tuple SET caveat = 'limit', context = '\\xff'", &[Load, Touch]),
        ("UPDATE tuple SET caveat = '', context = '\\x00000000'", &[Load, Touch]),
        ("UPDATE tuple SET expires_at = -9223372036854775808", &[Load, Touch]),
        ("UPDATE tuple SET revision = -1", &[Load]),
        ("UPDATE tuple SET revision = 3", &[Load]),
        ("UPDATE schema_version SET source = '\\x05'", &[Load, Touch, Schema]),
        ("UPDATE schema_version SET time = 9223372036854775807", &[Load, Touch]),
        ("DELETE FROM schema_version", &[Touch, Schema]),
        ("DELETE FROM shape", &[Delete]),
        ("UPDATE write_request SET payload = '\\x00'", &[Request]),
        ("UPDATE write_request SET chain = '\\x00'", &[Request]),
        ("UPDATE write_request SET created = -1", &[Request]),
        ("UPDATE write_request SET time = 9223372036854775807", &[Request]),
        ("UPDATE store SET id = '\\x00'", &[List]),
        ("UPDATE store SET created_at = 9223372036854775807", &[List]),
    ];
    for (tampering, asked) in cases {
        let (writer, scratch) = tenant().await;
        writer.one(1, &command("r", [create("doc:1#viewer@user:ada")])).await.unwrap();
        // Another server, which has no compiled schema at hand.
        let tenant = elsewhere(&writer, &scratch).await;
        scratch.run(tampering).await;
        for what in *asked {
            assert_eq!(ask(*what, &tenant).await, "DH-D007", "{tampering}: {what:?}");
        }
        // Whatever else is asked, nothing panics.
        for what in [Head, Load, Log, Filter, Request, List] {
            ask(what, &tenant).await;
        }
    }
}

/// A count that disagrees with the tuples never lets a write through that would take more than there is.
#[tokio::test]
async fn a_count_below_zero_is_refused() {
    let (tenant, scratch) = tenant().await;
    tenant.write(1, [create("doc:1#viewer@user:ada")]).await.unwrap();
    scratch.run("UPDATE shape SET tuples = 0").await;
    let batch = [command("d", [delete("doc:1#viewer@user:ada")])];
    assert_eq!(tenant.database.write(tenant.store, at(2), &batch).await.unwrap_err().code(), "DH-D006");
    assert_eq!(tenant.tuples().await, ["doc:1#viewer@user:ada"]);
}
