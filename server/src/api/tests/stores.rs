//! StoreService: making, finding, listing and removing stores.

use super::*;

async fn create(bench: &Bench, name: &str) -> Result<v1::Store, Status> {
    let created = bench.stores().create(bench.request(v1::CreateStoreRequest { name: name.into() })).await?;
    Ok(created.into_inner().store.unwrap())
}

#[tokio::test]
async fn a_store_is_found_by_name_and_by_id() {
    let bench = Bench::empty().await;
    let made = create(&bench, "shop").await.unwrap();
    assert_eq!((made.revision, made.tuple_count, made.schema_version), (0, 0, 0));
    for name in ["shop", &made.id] {
        let found = bench.stores().get(bench.request(v1::GetStoreRequest { store: name.into() })).await.unwrap().into_inner();
        assert_eq!(found.store.unwrap(), made);
    }
    let absent = bench.stores().get(bench.request(v1::GetStoreRequest { store: "absent".into() })).await.unwrap_err();
    assert_told(&absent, Code::NotFound, "DH-R010", "store");
}

#[tokio::test]
async fn a_name_is_plain_and_stands_once() {
    let bench = Bench::empty().await;
    create(&bench, "a.b-c_1").await.unwrap();
    assert_told(&create(&bench, "a.b-c_1").await.unwrap_err(), Code::AlreadyExists, "DH-W031", "name");
    for wrong in ["", "Shop", "a b", "ä", "a/b", &"x".repeat(65), "0191d2a4-8b1e-7c3e-9d42-0123456789ab"] {
        assert_told(&create(&bench, wrong).await.unwrap_err(), Code::InvalidArgument, "DH-W030", "name");
    }
}

#[tokio::test]
async fn stores_are_listed_in_pages_in_order_of_their_names() {
    let bench = Bench::empty().await;
    for number in (0..7).rev() {
        create(&bench, &format!("store-{number}")).await.unwrap();
    }
    let (mut names, mut cursor) = (Vec::new(), String::new());
    loop {
        let request = v1::ListStoresRequest { page_size: 3, cursor };
        let page = bench.stores().list(bench.request(request)).await.unwrap().into_inner();
        names.push(page.stores.into_iter().map(|store| store.name).collect::<Vec<_>>());
        cursor = page.next_cursor;
        if cursor.is_empty() {
            break;
        }
    }
    assert_eq!(names.iter().map(Vec::len).collect::<Vec<_>>(), [3, 3, 1]);
    assert!(names.concat().is_sorted());
    let request = v1::ListStoresRequest { page_size: 10_001, ..Default::default() };
    assert_told(&bench.stores().list(bench.request(request)).await.unwrap_err(), Code::InvalidArgument, "DH-A017", "page_size");
}

#[tokio::test]
async fn a_slip_deletes_nothing_and_what_is_deleted_is_gone() {
    let bench = Bench::with(&["document:1#viewer@user:ada"]).await;
    let before = bench.stores().get(bench.request(v1::GetStoreRequest::default())).await.unwrap().into_inner().store.unwrap();
    let delete = async |store: &str, confirm: &str| {
        let request = v1::DeleteStoreRequest { store: store.into(), confirm_name: confirm.into() };
        bench.stores().delete(bench.request(request)).await
    };
    assert_told(&delete("", "main").await.unwrap_err(), Code::InvalidArgument, "DH-A010", "store");
    assert_told(&delete("main", "").await.unwrap_err(), Code::InvalidArgument, "DH-A024", "confirm_name");
    assert_told(&delete(&before.id, "mian").await.unwrap_err(), Code::InvalidArgument, "DH-A024", "confirm_name");
    assert_eq!(bench.tuples().await.len(), 1);
    delete("main", "main").await.unwrap();
    let refused =
        bench.check(v1::CheckRequest { store: "main".into(), check: Some(item("document:1#view@user:ada")), ..Default::default() });
    assert_told(&refused.await.unwrap_err(), Code::NotFound, "DH-R010", "store");

    // The same name again is another store, and a token of the old one is not one of the new one's.
    let again = create(&bench, "main").await.unwrap();
    assert_ne!(again.id, before.id);
    bench.schemas().write(bench.request(write_schema(SCHEMA))).await.unwrap();
    let request =
        v1::CheckRequest { check: Some(item("document:1#view@user:ada")), consistency: exactly(&before.token), ..Default::default() };
    assert_told(&bench.check(request).await.unwrap_err(), Code::InvalidArgument, "DH-R011", "consistency");
}
