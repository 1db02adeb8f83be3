use std::sync::Arc;

use dhow_engine::digest::Digest;
use dhow_engine::limits::{MAX_ENTRY_BYTES, MAX_ENTRY_CHANGES};
use dhow_engine::time::Timestamp;
use dhow_engine::tuple::{Tuple, TupleCaveat};
use dhow_schema::value::{Context, Value};

use super::*;

/// The entry of a message.
fn decoded(payload: &[u8]) -> Result<Incoming, MessageError> {
    match decode(payload)? {
        (_, Said::Entry(incoming)) => Ok(*incoming),
        other => panic!("{other:?}"),
    }
}

const STORE: StoreId = StoreId([7; 16]);

fn entry(revision: u64, changes: Vec<Change>) -> Entry {
    Entry {
        store: STORE,
        revision,
        time: Timestamp::from_microseconds(1_800_000_000_123_456),
        actor: "ada".to_owned(),
        request_id: "r-1".to_owned(),
        body: Body::Changes(changes),
        digest: Digest::default(),
    }
}

fn tuple(text: &str) -> Tuple {
    text.parse().unwrap()
}

/// The message of an entry behind a chain.
fn message_of(entry: Entry, previous: Option<Chain>) -> Vec<u8> {
    let bytes = entry.encode().unwrap();
    let chain = previous.unwrap_or(Chain([9; 32])).after(&bytes);
    let store = StoreInfo { id: STORE, name: "shop".to_owned(), created_at: entry.time };
    let record = LogRecord { chain, entry: Arc::new(entry) };
    encode(Outgoing { store: &store, previous, record: &record, bytes, epoch: 3, anew: false })
}

fn sample() -> Entry {
    let changed = Change::new(Some(tuple("doc:b#viewer@user:ada")), Some(tuple(r#"doc:b#viewer@user:ada[net:{"cidr":"10.0.0.0/8"}]"#)));
    let changes = vec![
        Change::created(tuple("doc:a#viewer@team:core#member[expiration:2100-01-01T00:00:00Z]")),
        changed.unwrap(),
        Change::deleted(tuple("doc:c#viewer@user:*")),
    ];
    entry(2, changes)
}

#[test]
fn an_entry_comes_back_and_its_readable_half_says_the_same() {
    let previous = Chain::genesis(STORE);
    let payload = message_of(sample(), Some(previous));
    let incoming = decoded(&payload).unwrap();
    assert_eq!((incoming.store_name.as_str(), incoming.epoch, incoming.previous), ("shop", 3, Some(previous)));
    assert_eq!(*incoming.record.entry, sample());
    assert_eq!(epoch(&payload), Some(3));

    let readable = wire::ChangelogEntry::decode(payload.as_slice()).unwrap();
    assert_eq!((readable.format, readable.store_id.as_str(), readable.revision), (1, "07070707-0707-0707-0707-070707070707", 2));
    assert_eq!(previous.after(&readable.entry).0.as_slice(), readable.chain);
    let Some(wire::changelog_entry::Body::Changes(changes)) = readable.body else { panic!("{readable:?}") };
    let images: Vec<(bool, bool)> = changes.changes.iter().map(|change| (change.before.is_some(), change.after.is_some())).collect();
    assert_eq!(images, [(false, true), (true, true), (true, false)]);
}

#[test]
fn the_first_message_of_a_log_that_was_cut_has_no_chain_before_it() {
    assert_eq!(decoded(&message_of(sample(), None)).unwrap().previous, None);
}

#[test]
fn a_message_that_was_cut_or_changed_is_never_another_entry() {
    let payload = message_of(sample(), Some(Chain::genesis(STORE)));
    let sound = decoded(&payload).unwrap();
    for end in 0..payload.len() {
        if let Ok(incoming) = decoded(&payload[..end]) {
            assert_eq!(incoming, sound, "cut at {end}: only the readable half may be gone");
        }
    }
    for at in 0..payload.len() {
        for bit in 0..8 {
            let mut changed = payload.clone();
            changed[at] ^= 1 << bit;
            if let Ok(incoming) = decoded(&changed) {
                assert_eq!(incoming.record.entry, sound.record.entry, "byte {at}, bit {bit}");
            }
        }
    }
}

#[test]
fn what_is_no_entry_says_what_it_is() {
    let code = |payload: &[u8]| decode(payload).unwrap_err().code();
    for foreign in [&b""[..], b"hello", b"{\"json\": true}", &[0xff; 1_000], &[0; 64]] {
        assert_eq!(code(foreign), "DH-L010", "{foreign:?}");
    }
    let with = |change: &dyn Fn(&mut wire::ChangelogEntry)| {
        let mut message = wire::ChangelogEntry::decode(message_of(sample(), Some(Chain::genesis(STORE))).as_slice()).unwrap();
        change(&mut message);
        code(&message.encode_to_vec())
    };
    assert_eq!(with(&|message| message.format = 2), "DH-L011");
    assert_eq!(with(&|message| message.entry.truncate(40)), "DH-L012");
    assert_eq!(with(&|message| message.store_id = StoreId([8; 16]).to_string()), "DH-L013");
    assert_eq!(with(&|message| message.revision += 1), "DH-L013");
    assert_eq!(with(&|message| message.chain[0] ^= 1), "DH-L013");
    assert_eq!(with(&|message| message.previous_chain[0] ^= 1), "DH-L013");
    assert_eq!(with(&|message| message.previous_chain.truncate(8)), "DH-L013");
}

/// An entry as large as entries may be, of the given values.
fn full_of(value: &Value) -> Entry {
    let one = dhow_schema::value::canonical_bytes(&[("x".into(), value.clone())].into()).unwrap().len();
    // The name, its length and the number of entries are counted in `one`.
    let items = 16_000 / (one - 9).max(1);
    let context: Context = [("list".into(), Value::List(vec![value.clone(); items]))].into();
    let mut changes = Vec::new();
    let mut bytes = 1_000;
    for number in 0..MAX_ENTRY_CHANGES {
        let caveated = Tuple {
            caveat: Some(TupleCaveat::new("limit", context.clone()).unwrap()),
            ..tuple(&format!("doc:{number:04}#viewer@user:ada"))
        };
        let change = Change::created(caveated);
        bytes += change.encoded_len();
        if bytes > MAX_ENTRY_BYTES {
            break;
        }
        changes.push(change);
    }
    entry(1, changes)
}

#[test]
fn the_largest_entry_fits_into_a_message_whatever_is_in_it() {
    let empty_map = Value::Map(Default::default());
    for value in [Value::Null, Value::Bool(true), Value::UInt(u64::MAX), Value::String("".into()), empty_map] {
        let entry = full_of(&value);
        let bytes = entry.encode().unwrap().len();
        assert!(bytes > MAX_ENTRY_BYTES * 9 / 10, "{bytes}");
        let payload = message_of(entry.clone(), Some(Chain::genesis(STORE)));
        assert!(payload.len() <= MAX_MESSAGE_BYTES * 3 / 4, "{} of {value:?}", payload.len());
        assert_eq!(*decoded(&payload).unwrap().record.entry, entry);
    }
}

#[test]
fn a_context_may_nest_as_deeply_as_contexts_do() {
    let deep = (0..dhow_schema::value::MAX_DEPTH - 1).fold(Value::Null, |inner, _| Value::Map([("k".into(), inner)].into()));
    let caveat = TupleCaveat::new("limit", [("deep".into(), deep)].into()).unwrap();
    let nested = entry(1, vec![Change::created(Tuple { caveat: Some(caveat), ..tuple("doc:a#viewer@user:ada") })]);
    assert_eq!(*decoded(&message_of(nested.clone(), None)).unwrap().record.entry, nested);
}

#[test]
fn notices_come_back_and_are_no_entries() {
    let time = Timestamp::from_microseconds(1_800_000_000_123_456);
    let (mark, gone) = (encode_mark(time, 5), encode_gone(STORE, time, 6));
    assert_eq!(decode(&mark), Ok((5, Said::Mark(time))));
    assert_eq!(decode(&gone), Ok((6, Said::Gone(STORE))));
    assert_eq!((epoch(&mark), epoch(&gone)), (Some(5), Some(6)));
    let readable = wire::ChangelogEntry::decode(mark.as_slice()).unwrap();
    assert!(readable.store_id.is_empty() && readable.entry.is_empty() && readable.body.is_none());
    // What says both, or something of an entry besides, is neither.
    for wrong in [
        wire::ChangelogEntry { removed_at: readable.caught_up_at, ..readable.clone() },
        wire::ChangelogEntry { revision: 1, ..readable.clone() },
        wire::ChangelogEntry { store_id: key(STORE), ..readable.clone() },
        wire::ChangelogEntry { entry: vec![1], ..readable },
    ] {
        assert!(decode(&wrong.encode_to_vec()).is_err(), "{wrong:?}");
    }
}
