use super::*;

fn tuple(text: &str) -> Tuple {
    text.parse().unwrap()
}

fn entry(body: Body) -> Entry {
    Entry {
        store: StoreId([7; 16]),
        revision: 3,
        time: Timestamp::from_microseconds(1_000),
        actor: "ada".to_owned(),
        request_id: "r-1".to_owned(),
        body,
        digest: Digest::default(),
    }
}

fn sample() -> Entry {
    let changes = vec![
        Change::created(tuple(r#"d:1#v@u:1[c:{"a":[1]}][expiration:2030-01-01T00:00:00Z]"#)),
        Change::deleted(tuple("d:1#v@u:2")),
        Change::new(Some(tuple("d:1#v@u:3")), Some(tuple("d:1#v@u:3[c]"))).unwrap(),
    ];
    entry(Body::Changes(changes))
}

#[test]
fn bytes_and_back_is_identity() {
    let imports = BTreeMap::from([("common".to_owned(), "definition user {}".to_owned())]);
    let source = SchemaSource { imports, ..SchemaSource::native("import \"common\"") };
    for entry in [sample(), entry(Body::Changes(vec![])), entry(Body::Schema(SchemaText { version: 1, source }))] {
        assert_eq!(Entry::decode(&entry.encode().unwrap()), Ok(entry));
    }
}

#[test]
fn cut_flipped_and_foreign_bytes_are_refused() {
    let bytes = sample().encode().unwrap();
    for end in 0..bytes.len() {
        assert!(Entry::decode(&bytes[..end]).is_err(), "cut at {end}");
    }
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << bit;
            let code = Entry::decode(&flipped).unwrap_err().code();
            assert_eq!(code, if at == 0 { "entry_version" } else { "entry_corrupt" });
        }
    }
    let mut longer = bytes;
    longer.push(0);
    assert_eq!(Entry::decode(&longer).unwrap_err().code(), "entry_corrupt");
    assert_eq!(Entry::decode(b"{\"json\":1}").unwrap_err().code(), "entry_version");
    assert_eq!(Entry::decode(&vec![1; MAX_ENTRY_BYTES + 1]).unwrap_err().code(), "entry_too_large");
}

#[test]
fn a_sound_checksum_does_not_make_invalid_fields_valid() {
    let bytes = sample().encode().unwrap();
    let at = bytes.windows(2).position(|pair| pair == b"u\x01").unwrap();
    let mut forged = bytes[..bytes.len() - CHECKSUM_BYTES].to_vec();
    forged[at] = b'#';
    forged.extend_from_slice(&checksum(&forged));
    assert_eq!(Entry::decode(&forged).unwrap_err().code(), "entry_corrupt");
}

#[test]
fn a_label_is_the_entry_without_what_it_does() {
    for entry in [sample(), entry(Body::Changes(vec![])), entry(Body::Schema(SchemaText { version: 1, source: SchemaSource::native("") }))]
    {
        let bytes = entry.encode().unwrap();
        let Entry { store, revision, time, actor, request_id, .. } = entry;
        assert_eq!(EntryLabel::decode(&bytes), Ok(EntryLabel { store, revision, time, actor, request_id }));
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1;
            assert!(EntryLabel::decode(&flipped).is_err() && EntryLabel::decode(&bytes[..at]).is_err(), "byte {at}");
        }
    }
}

#[test]
fn limits_hold_for_writing() {
    let change = |n: usize, id: &str| Change::created(tuple(&format!("d:{n:05}#v@u:{id}")));
    let many = |n: usize| entry(Body::Changes((0..n).map(|n| change(n, "1")).collect()));
    assert!(many(MAX_ENTRY_CHANGES).encode().is_ok());
    assert_eq!(many(MAX_ENTRY_CHANGES + 1).encode().unwrap_err().code(), "entry_too_many_changes");
    let long = "x".repeat(1_000);
    let heavy = entry(Body::Changes((0..600).map(|n| change(n, &long)).collect()));
    assert_eq!(heavy.encode().unwrap_err().code(), "entry_too_large");
    let twice = entry(Body::Changes(vec![change(1, "1"), change(1, "1")]));
    assert_eq!(twice.encode().unwrap_err().code(), "entry_change_order");
    let label = Entry { actor: "x".repeat(MAX_ENTRY_LABEL_BYTES + 1), ..sample() };
    assert_eq!(label.encode().unwrap_err().code(), "entry_label_too_long");
}

#[test]
fn encoded_len_is_what_a_change_adds() {
    let Body::Changes(changes) = sample().body else { unreachable!() };
    let sum: usize = changes.iter().map(Change::encoded_len).sum();
    let empty = entry(Body::Changes(vec![])).encode().unwrap().len();
    assert_eq!(sample().encode().unwrap().len(), empty + sum);
}

#[test]
fn a_change_has_one_key() {
    assert_eq!(Change::new(None, None), None);
    assert_eq!(Change::new(Some(tuple("d:1#v@u:1")), Some(tuple("d:1#v@u:2"))), None);
}

#[test]
fn the_chain_tells_store_content_and_order() {
    let start = Chain::genesis(StoreId([1; 16]));
    assert_ne!(start, Chain::genesis(StoreId([2; 16])));
    assert_ne!(start.after(b"a").after(b"b"), start.after(b"b").after(b"a"));
    assert_eq!(start.after(b"a").prefix(), start.after(b"a").0[..8]);
}

#[test]
fn a_store_id_is_written_like_a_uuid() {
    let id = StoreId([0x12; 16]);
    assert_eq!(id.to_string(), "12121212-1212-1212-1212-121212121212");
    assert_eq!(id.to_string().parse(), Ok(id));
    for text in ["", "12", "12121212-1212-1212-1212-12121212121g", "é"] {
        assert_eq!(text.parse::<StoreId>(), Err(StoreIdError));
    }
}
