//! Files that nobody wrote by mistake: arbitrary bytes, and directories that lie under the right hash.

use std::sync::Arc;

use proptest::prelude::*;

use super::super::layout::{ALIGNMENT, Entry, Footer, MAGIC, Root, aligned, header, padded};
use super::{Container, open, refused, small};
use crate::words::{AlignedBytes, Bytes};

/// A file with this directory behind `body` bytes of ones, and a footer that has its hash.
fn forge(body: usize, directory: &[Entry]) -> Vec<u8> {
    let mut file = [&header()[..], &vec![1; body]].concat();
    let directory: Vec<u8> = directory.iter().flat_map(Entry::encode).collect();
    let (at, root) = (file.len() as u64, Root::of(&directory));
    file.extend_from_slice(&directory);
    file.resize(usize::try_from(aligned(file.len() as u64).unwrap()).unwrap(), 0);
    let (directory_bytes, file_bytes) = (directory.len() as u64, file.len() as u64 + 64);
    file.extend_from_slice(&Footer { directory: at, directory_bytes, file_bytes, root, magic: MAGIC }.encode());
    file
}

fn entry(name: &str, offset: u64, bytes: u64) -> Entry {
    let content = vec![1; usize::try_from(bytes).unwrap_or(0).min(1000)];
    Entry { name: padded(name).unwrap(), offset, bytes, hash: *blake3::hash(&content).as_bytes() }
}

#[test]
fn a_directory_that_lies_is_refused() {
    assert_eq!(refused(&forge(128, &[entry("a", 64, 64), entry("b", 128, 64)])), None);
    let lies = [
        ("overlap", vec![entry("a", 64, 64), entry("b", 64, 128)]),
        ("a gap", vec![entry("a", 64, 0), entry("b", 128, 64)]),
        ("out of order", vec![entry("b", 128, 64), entry("a", 64, 64)]),
        ("in the header", vec![entry("a", 0, 192)]),
        ("unaligned", vec![entry("a", 64, 63), entry("b", 127, 65)]),
        ("into the directory", vec![entry("a", 64, 64), entry("b", 128, 65)]),
        ("past the end", vec![entry("a", 64, 1 << 40)]),
        ("past all numbers", vec![entry("a", 64, u64::MAX)]),
        ("past all aligned numbers", vec![entry("a", 64, u64::MAX - 64)]),
        ("from past all numbers", vec![entry("a", u64::MAX, 1)]),
        ("one name twice", vec![entry("a", 64, 64), entry("a", 128, 64)]),
        ("a missing section", vec![entry("a", 64, 64)]),
        ("none", vec![]),
        ("no name", vec![Entry { name: [0; 32], ..entry("a", 64, 128) }]),
        ("a name in capitals", vec![Entry { name: [b'A'; 32], ..entry("a", 64, 128) }]),
    ];
    for (lie, directory) in lies {
        let error = open(&forge(128, &directory)).expect_err(lie);
        assert_eq!(error.code(), "snapshot_damaged", "{lie}");
    }
    let error = open(&forge(128, &[entry("a", 64, 64), entry("b", 128, 65)])).unwrap_err();
    let message = "the directory of the snapshot is damaged, in bytes 272 to 352: a section reaches into the directory";
    assert_eq!(error.to_string(), message);
    let mut name = padded("a").unwrap();
    name[31] = b'b';
    let error = open(&forge(128, &[Entry { name, ..entry("a", 64, 128) }])).unwrap_err();
    let message = "the directory of the snapshot is damaged, in bytes 192 to 272: a section has a name that none can have";
    assert_eq!(error.to_string(), message);
}

#[test]
fn a_footer_that_lies_is_refused() {
    let file = small();
    let at = file.len() - 64;
    let footer = Footer::decode(file.last_chunk().unwrap());
    let with = |footer: Footer| {
        let lie = [&file[..at], &footer.encode()[..]].concat();
        open(&lie).unwrap_err().code()
    };
    for directory in [0, 64, footer.directory - 64, footer.directory + 64, footer.directory + 1, at as u64, u64::MAX, u64::MAX - 63] {
        assert_eq!(with(Footer { directory, ..footer.clone() }), "snapshot_damaged", "directory at {directory}");
    }
    for directory_bytes in [0, 80, footer.directory_bytes - 1, footer.directory_bytes + 1, footer.directory_bytes + 80, u64::MAX] {
        assert_eq!(with(Footer { directory_bytes, ..footer.clone() }), "snapshot_damaged", "directory of {directory_bytes} bytes");
    }
    for file_bytes in [0, 64, file.len() as u64 - 1, file.len() as u64 + 64, u64::MAX] {
        assert_eq!(with(Footer { file_bytes, ..footer.clone() }), "snapshot_cut", "file of {file_bytes} bytes");
    }
}

#[test]
fn memory_in_which_words_cannot_lie_is_refused() {
    struct Shifted(AlignedBytes, usize);
    impl Bytes for Shifted {
        fn bytes(&self) -> &[u8] {
            &self.0.bytes()[self.1..]
        }
    }
    let at = |shift: usize| {
        let memory = AlignedBytes::copy_of(&[&vec![0; shift][..], &small()].concat());
        Container::open(Arc::new(Shifted(memory, shift))).and_then(|container| container.verify_all())
    };
    at(0).unwrap();
    at(4).unwrap();
    for shift in [1, 2, 3, 5] {
        assert_eq!(at(shift).unwrap_err().code(), "snapshot_unaligned");
    }
}

#[test]
fn memory_that_shrinks_is_told() {
    struct Shrinking(AlignedBytes, std::sync::atomic::AtomicBool);
    impl Bytes for Shrinking {
        fn bytes(&self) -> &[u8] {
            let shrunk = self.1.swap(true, std::sync::atomic::Ordering::Relaxed);
            if shrunk { &self.0.bytes()[..100] } else { self.0.bytes() }
        }
    }
    let container = Container::open(Arc::new(Shrinking(AlignedBytes::copy_of(&small()), false.into()))).unwrap();
    for error in [
        container.verify_all().unwrap_err(),
        container.section("full").unwrap_err(),
        container.words("full").unwrap_err(),
        container.verify_section("full").unwrap_err(),
    ] {
        assert_eq!(error.code(), "snapshot_damaged");
    }
}

/// What holds for whatever opens: its sections lie apart and inside, and can all be read.
fn check_whatever_opens(file: &[u8]) -> bool {
    let Ok(container) = open(file) else { return false };
    let mut places: Vec<_> = container.sections().map(|section| (section.offset, section.offset + section.bytes)).collect();
    places.sort_unstable();
    assert!(places.windows(2).all(|pair| pair[0].1 <= pair[1].0));
    assert!(places.iter().all(|(from, to)| from % ALIGNMENT == 0 && *from >= 64 && *to <= file.len() as u64 - 64));
    for section in container.sections() {
        assert_eq!(container.section(section.name).unwrap().len() as u64, section.bytes);
        assert_eq!(container.words(section.name).is_ok(), section.bytes % 4 == 0);
    }
    container.verify_all().is_ok()
}

fn numbers() -> impl Strategy<Value = u64> {
    prop_oneof![0..16_u64, (0..8_u64).prop_map(|n| n * 64), Just(u64::MAX), Just(u64::MAX - 63), any::<u64>()]
}

fn directories() -> impl Strategy<Value = Vec<Entry>> {
    let names = prop_oneof![Just(padded("a").unwrap()), Just(padded("b").unwrap()), any::<[u8; 32]>()];
    let entries = (names, numbers(), numbers(), any::<[u8; 32]>());
    proptest::collection::vec(entries.prop_map(|(name, offset, bytes, hash)| Entry { name, offset, bytes, hash }), 0..4)
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
        prop_assert!(!check_whatever_opens(&bytes));
    }

    #[test]
    fn arbitrary_bytes_behind_a_beginning_and_before_an_end_are_refused(
        bytes in proptest::collection::vec(any::<u8>(), 0..512),
        numbers in [numbers(), numbers()],
        exact in any::<bool>(),
    ) {
        let [directory, directory_bytes] = numbers;
        let file_bytes = if exact { bytes.len() as u64 + 128 } else { directory };
        let footer = Footer { directory, directory_bytes, file_bytes, root: Root::of(&bytes), magic: MAGIC };
        let file = [&header()[..], &bytes, &footer.encode()].concat();
        // Only the file that has no sections and nothing in it is one.
        let empty = bytes.is_empty() && (directory, directory_bytes, file_bytes) == (64, 0, 128);
        prop_assert_eq!(check_whatever_opens(&file), empty);
    }

    #[test]
    fn arbitrary_directories_under_the_right_hash_panic_nowhere(body in 0..4_usize, directory in directories()) {
        check_whatever_opens(&forge(body * 64, &directory));
    }

    #[test]
    fn arbitrary_changes_of_a_file_are_found(changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..8)) {
        let (file, mut changed) = (small(), small());
        for (at, value) in changes {
            let at = at.index(changed.len());
            changed[at] = value;
        }
        prop_assert_eq!(check_whatever_opens(&changed), changed == file);
    }
}
