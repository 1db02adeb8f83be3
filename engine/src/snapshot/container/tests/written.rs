//! Writing: in pieces, wrongly, and onto something that fails.

use std::io::{self, Write};

use super::super::{MAX_SECTIONS, WriteError, Writer};
use super::{open, small};

#[test]
fn pieces_make_the_same_file_as_the_whole() {
    let words: Vec<u32> = (0..50_000).collect();
    let mut whole = Vec::new();
    let mut writer = Writer::new(&mut whole).unwrap();
    writer.words("w", &words).unwrap();
    let summary = writer.finish().unwrap();

    let mut pieces = Vec::new();
    let mut writer = Writer::new(&mut pieces).unwrap();
    let mut section = writer.begin("w").unwrap();
    let (first, rest) = words.split_at(777);
    section.words(first).unwrap();
    section.words(&[]).unwrap();
    for word in rest {
        section.append(&word.to_le_bytes()[..1]).unwrap();
        section.write_all(&word.to_le_bytes()[1..]).unwrap();
    }
    section.flush().unwrap();
    section.end().unwrap();
    assert_eq!(writer.finish().unwrap(), summary);
    assert!(whole == pieces);
    assert_eq!(open(&pieces).unwrap().words("w").unwrap().as_slice(), words);
}

#[test]
fn the_root_tells_names_and_contents_apart() {
    let root = |sections: &[(&str, &[u8])]| {
        let mut writer = Writer::new(io::sink()).unwrap();
        sections.iter().for_each(|(name, bytes)| writer.section(name, bytes).unwrap());
        writer.finish().unwrap().root
    };
    let files: [&[(&str, &[u8])]; 6] =
        [&[], &[("a", b"")], &[("b", b"")], &[("a", b"\0")], &[("a", b""), ("b", b"")], &[("b", b""), ("a", b"")]];
    let roots: std::collections::BTreeSet<_> = files.map(root).into_iter().collect();
    assert_eq!(roots.len(), files.len());
}

#[test]
fn a_name_that_cannot_be_one_is_refused() {
    let mut writer = Writer::new(io::sink()).unwrap();
    for name in ["", "A", "a b", "a\0", "é", "a/b", &"x".repeat(33)] {
        let error = writer.section(name, b"").unwrap_err();
        assert_eq!(error.code(), "snapshot_section_name", "{name:?}");
    }
    writer.section("a", b"").unwrap();
    assert_eq!(writer.begin("a").unwrap_err().code(), "snapshot_section_repeated");
    assert_eq!(writer.finish().unwrap().sections, 1);
}

#[test]
fn a_section_that_was_not_ended_stops_the_file() {
    let unfinished = || {
        let mut writer = Writer::new(io::sink()).unwrap();
        writer.begin("left").unwrap().append(b"some of it").unwrap();
        writer
    };
    assert_eq!(unfinished().begin("next").unwrap_err().to_string(), "the snapshot was left in the middle of section `left`");
    assert_eq!(unfinished().finish().unwrap_err().code(), "snapshot_section_unfinished");
}

#[test]
fn there_is_room_for_so_many_sections_and_no_more() {
    let mut file = Vec::new();
    let mut writer = Writer::new(&mut file).unwrap();
    for number in 0..MAX_SECTIONS {
        writer.section(&format!("s{number}"), b"").unwrap();
    }
    assert_eq!(writer.begin("more").unwrap_err().code(), "snapshot_section_count");
    writer.finish().unwrap();
    let container = open(&file).unwrap();
    container.verify_all().unwrap();
    assert_eq!(container.sections().len(), MAX_SECTIONS);
}

/// Takes so many bytes, a few at a time and with interruptions, and then fails.
struct Full {
    room: usize,
    taken: Vec<u8>,
    interrupt: bool,
}

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.interrupt = !self.interrupt;
        if self.interrupt {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let some = bytes.len().min(7).min(self.room - self.taken.len());
        if some == 0 && !bytes.is_empty() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.taken.extend_from_slice(&bytes[..some]);
        Ok(some)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes the file of [`small`], and goes on after errors as long as anything lets it.
fn write_stubbornly(out: &mut Full) -> Result<(), WriteError> {
    let mut writer = Writer::new(out)?;
    let mut section = writer.begin("edges.offsets")?;
    let first = section.words(&[0, 3]);
    let second = section.words(&[3, 0xffff_ffff]);
    let ended = section.end();
    assert!(ended.is_err() || (first.is_ok() && second.is_ok()), "a section was ended without all of its bytes");
    let _ = writer.section("strings", b"ada, bob");
    let _ = writer.section("none", b"");
    let _ = writer.section("full", &[7; 64]);
    let _ = writer.section("a-name_of.32-bytes-is-the-longes", b"!");
    writer.finish().map(|_| ())
}

#[test]
fn an_output_that_fails_anywhere_makes_no_file() {
    let whole = small();
    for room in 0..whole.len() {
        let mut out = Full { room, taken: Vec::new(), interrupt: false };
        let error = write_stubbornly(&mut out).unwrap_err();
        assert!(["snapshot_write", "snapshot_section_unfinished"].contains(&error.code()), "{room}: {error}");
        assert!(open(&out.taken).is_err());
    }
    let mut out = Full { room: whole.len(), taken: Vec::new(), interrupt: false };
    write_stubbornly(&mut out).unwrap();
    assert!(out.taken == whole);
}

#[test]
fn the_cause_of_a_failed_write_is_kept_apart() {
    let mut out = Full { room: 10, taken: Vec::new(), interrupt: false };
    let error = Writer::new(&mut out).unwrap_err();
    assert_eq!((error.code(), error.to_string().as_str()), ("snapshot_write", "the snapshot could not be written"));
    assert!(std::error::Error::source(&error).is_some());
}
