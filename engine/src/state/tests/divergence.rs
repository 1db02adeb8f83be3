//! A log that is not the one that was written is caught at the entry where it is not, and nothing of that entry is taken in.

use super::*;

/// A log: each entry's bytes with the chain up to it.
type Log = Vec<(Vec<u8>, Chain)>;

fn log() -> Log {
    let mut state = State::genesis(STORE);
    let mut log = Vec::new();
    for number in 0..6 {
        let created = Change::created(tuple(&format!("d:{number}#v@u:1")));
        let entry = entry_of(&state, if number == 4 { vec![Change::deleted(tuple("d:0#v@u:1"))] } else { vec![created] });
        state = state.apply(&entry).unwrap();
        log.push((entry.encode().unwrap(), state.position().chain));
    }
    log
}

/// Folds as far as it goes: the last revision that was taken in, and why the next one was not.
fn folded(log: &Log) -> (u64, Option<&'static str>) {
    let mut state = State::genesis(STORE);
    for (bytes, chain) in log {
        match state.apply_record(bytes, chain) {
            Ok((next, _)) => state = next,
            Err(error) => {
                // A later try on what is there goes on as if nothing had been.
                assert_eq!(state.recomputed_digest(), *state.digest());
                return (state.revision(), Some(error.code()));
            }
        }
    }
    (state.revision(), None)
}

/// The chains anew, as one who has altered the log on purpose would make them.
fn chained_anew(log: &mut Log) {
    let mut chain = Chain::genesis(STORE);
    for (bytes, told) in log {
        chain = chain.after(bytes);
        *told = chain;
    }
}

/// The log with its entry of revision 3 changed, without regard to its checksum.
fn altered(change: impl Fn(&mut Entry)) -> Log {
    let mut log = log();
    let mut entry = Entry::decode(&log[2].0).unwrap();
    change(&mut entry);
    log[2].0 = entry.encode().unwrap();
    log
}

#[test]
fn a_skipped_repeated_reordered_or_altered_entry_is_caught_at_that_entry() {
    assert_eq!(folded(&log()), (6, None));
    let mut skipped = log();
    skipped.remove(2);
    assert_eq!(folded(&skipped), (2, Some("fold_revision")));
    let mut repeated = log();
    repeated.insert(3, repeated[2].clone());
    assert_eq!(folded(&repeated), (3, Some("fold_revision")));
    let mut reordered = log();
    reordered.swap(2, 3);
    assert_eq!(folded(&reordered), (2, Some("fold_revision")));
    let mut flipped = log();
    flipped[2].0[20] ^= 1;
    assert_eq!(folded(&flipped), (2, Some("entry_corrupt")));
    let others = |entry: &mut Entry| entry.actor = "mallory".to_owned();
    assert_eq!(folded(&altered(others)), (2, Some("fold_chain")));
}

#[test]
fn an_entry_that_was_altered_together_with_all_chains_is_caught_by_its_digest() {
    let another = |entry: &mut Entry| entry.body = Body::Changes(vec![Change::created(tuple("d:2#v@u:mallory"))]);
    let mut log = altered(another);
    chained_anew(&mut log);
    assert_eq!(folded(&log), (2, Some("fold_digest")));
    // Renumbered, so that only the digest knows of what is missing: its change is made on what the others left.
    let mut skipped = self::log();
    skipped.remove(2);
    for (number, (bytes, _)) in skipped.iter_mut().enumerate() {
        let mut entry = Entry::decode(bytes).unwrap();
        entry.revision = number as u64 + 1;
        *bytes = entry.encode().unwrap();
    }
    chained_anew(&mut skipped);
    assert_eq!(folded(&skipped), (2, Some("fold_digest")));
    // A change that cannot be one is caught before that.
    let impossible = |entry: &mut Entry| entry.body = Body::Changes(vec![Change::created(tuple("d:0#v@u:1"))]);
    let mut log = altered(impossible);
    chained_anew(&mut log);
    assert_eq!(folded(&log), (2, Some("fold_image")));
}
