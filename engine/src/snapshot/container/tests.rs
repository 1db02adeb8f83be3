//! Laws of the container: what was written is read, and nothing else is taken for it.

mod forged;
mod written;

use std::sync::Arc;

use super::{Container, ContainerError, Writer};
use crate::words::AlignedBytes;

/// A small file with everything that a file can have: words, bytes of an odd length, an empty section, one whose end is aligned.
fn small() -> Vec<u8> {
    let mut file = Vec::new();
    let mut writer = Writer::new(&mut file).unwrap();
    writer.words("edges.offsets", &[0, 3, 3, 0xffff_ffff]).unwrap();
    writer.section("strings", b"ada, bob").unwrap();
    writer.section("none", b"").unwrap();
    writer.section("full", &[7; 64]).unwrap();
    writer.section("a-name_of.32-bytes-is-the-longest", b"").unwrap_err();
    writer.section("a-name_of.32-bytes-is-the-longes", b"!").unwrap();
    let summary = writer.finish().unwrap();
    assert_eq!((summary.bytes, summary.sections), (file.len() as u64, 5));
    file
}

fn open(file: &[u8]) -> Result<Container, ContainerError> {
    Container::open(Arc::new(AlignedBytes::copy_of(file)))
}

/// The code with which a file is refused, at once or when it is verified.
fn refused(file: &[u8]) -> Option<&'static str> {
    open(file).and_then(|container| container.verify_all()).err().map(|error| {
        assert!(!error.to_string().is_empty() && !error.help().is_empty());
        error.code()
    })
}

#[test]
fn what_was_written_is_read() {
    let file = small();
    let container = open(&file).unwrap();
    container.verify_all().unwrap();
    assert_eq!(container.words("edges.offsets").unwrap().as_slice(), [0, 3, 3, 0xffff_ffff]);
    assert!(container.words("edges.offsets").unwrap().is_foreign());
    assert_eq!(container.section("strings").unwrap(), b"ada, bob");
    assert_eq!(container.section("none").unwrap(), b"");
    assert!(container.words("none").unwrap().is_empty());
    assert_eq!(container.section("full").unwrap(), [7; 64]);
    let places: Vec<_> = container.sections().map(|section| (section.name, section.offset, section.bytes)).collect();
    let expected =
        [("a-name_of.32-bytes-is-the-longes", 256, 1), ("edges.offsets", 64, 16), ("full", 192, 64), ("none", 192, 0), ("strings", 128, 8)];
    assert_eq!(places, expected);
}

#[test]
fn words_outlive_their_container() {
    let words = open(&small()).unwrap().words("edges.offsets").unwrap();
    assert_eq!(words.get(3), Some(0xffff_ffff));
}

#[test]
fn a_file_without_sections_is_one() {
    let mut file = Vec::new();
    Writer::new(&mut file).unwrap().finish().unwrap();
    assert_eq!(file.len(), 128);
    let container = open(&file).unwrap();
    container.verify_all().unwrap();
    assert_eq!(container.sections().len(), 0);
}

#[test]
fn what_is_not_there_and_what_are_no_words_is_told() {
    let container = open(&small()).unwrap();
    let missing = container.section("edges").unwrap_err();
    assert_eq!((missing.code(), missing.to_string().as_str()), ("snapshot_missing_section", "the snapshot has no section `edges`"));
    assert_eq!(container.words("edges").unwrap_err(), missing);
    assert_eq!(container.verify_section("edges").unwrap_err(), missing);
    let no_words = container.words("a-name_of.32-bytes-is-the-longes").unwrap_err();
    assert_eq!(no_words.code(), "snapshot_not_words");
}

#[test]
fn every_other_value_of_every_byte_is_found() {
    let mut file = small();
    for at in 0..file.len() {
        let written = file[at];
        for value in (0..=u8::MAX).filter(|value| *value != written) {
            file[at] = value;
            assert!(refused(&file).is_some(), "byte {at} was {written}, is {value}, and nobody noticed");
        }
        file[at] = written;
    }
    assert_eq!(refused(&file), None);
}

#[test]
fn every_cut_is_found() {
    let file = small();
    assert_eq!(refused(&file[..0]), Some("snapshot_not_one"));
    for bytes in 1..file.len() {
        assert_eq!(refused(&file[..bytes]), Some("snapshot_cut"), "cut to {bytes} bytes");
    }
}

#[test]
fn what_follows_a_file_or_comes_before_it_is_found() {
    let file = small();
    assert_eq!(refused(&[&file[..], b"\n"].concat()), Some("snapshot_cut"));
    assert_eq!(refused(&[&file[..], &file[..]].concat()), Some("snapshot_cut"));
    assert_eq!(refused(&[b"\n", &file[..]].concat()), Some("snapshot_not_one"));
    let middle_gone = [&file[..64], &file[128..]].concat();
    assert_eq!(open(&middle_gone).unwrap_err().code(), "snapshot_cut");
}

#[test]
fn a_foreign_file_is_told_by_its_beginning() {
    let message = |file: &[u8]| {
        let error = open(file).unwrap_err();
        assert_eq!(error.code(), "snapshot_not_one");
        error.to_string()
    };
    assert_eq!(message(b""), "no dhow snapshot: the file is empty");
    let png = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\0\x01";
    assert_eq!(message(png), r#"no dhow snapshot: the file begins with "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR""#);
    assert_eq!(message(b"SQLite format 3\0\x10\0"), r#"no dhow snapshot: the file begins with "SQLite format 3\x00""#);
    assert_eq!(message("definition user {}\n".repeat(100).as_bytes()), r#"no dhow snapshot: the file begins with "definition user ""#);
    assert_eq!(message(b"dhow"[1..].as_ref()), r#"no dhow snapshot: the file begins with "how""#);
    message(&[0; 4096]);
}

#[test]
fn another_version_is_told_before_anything_else_is_read() {
    let mut file = small();
    file[8] = 2;
    for file in [&file[..], &file[..12]] {
        let error = open(file).unwrap_err();
        assert_eq!(error, ContainerError::Version { found: 2 });
        assert_eq!(error.code(), "snapshot_version");
    }
}

#[test]
fn damage_is_told_with_its_section_and_place_and_spares_the_others() {
    let mut file = small();
    file[130] ^= 1;
    let container = open(&file).unwrap();
    let error = container.verify_all().unwrap_err();
    assert_eq!(error.code(), "snapshot_damaged");
    let message =
        "section `strings` of the snapshot is damaged, in bytes 128 to 136: its bytes do not have the hash that the directory has";
    assert_eq!(error.to_string(), message);
    assert_eq!(container.verify_section("strings").unwrap_err(), error);
    container.verify_section("edges.offsets").unwrap();

    file[130] ^= 1;
    file[140] = 1;
    let error = open(&file).unwrap().verify_all().unwrap_err();
    let message = "section `strings` of the snapshot is damaged, in bytes 136 to 192: the space behind it is not zero";
    assert_eq!(error.to_string(), message);
}

#[test]
fn format_version_1_is_what_it_always_was() {
    // Files must be read by later builds: a change here needs a new FORMAT_VERSION.
    let file = small();
    assert_eq!(blake3::hash(&file).to_hex().as_str(), "b1845aadee66664dadae02576fce3a5377bc5f09996f3bffd74ac169514152bb");
    assert_eq!(open(&file).unwrap().root().to_string(), "1332c6b4b484133c6fa46d5345211f27c5b08ec42ec54b4c0b6527e08e1257c1");
}
