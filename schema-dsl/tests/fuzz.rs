//! A bounded run of the fuzz target's laws over arbitrary bytes: the schemas of `testdata`, cut, spliced and sprinkled. The seed is
//! fixed; `cargo fuzz` (see `fuzz/Cargo.toml`) goes on from here.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::expect_used, reason = "a test fails by panicking")]

use std::path::Path;

#[path = "../../fuzz/laws.rs"]
mod laws;

/// Texts that are tried.
const ROUNDS: usize = 15_000;

/// What the language is made of, and what it is not.
const PIECES: [&str; 72] = [
    "definition ",
    "relation ",
    "permission ",
    "caveat ",
    "partial ",
    "import ",
    "use ",
    "with ",
    "and ",
    "expiration",
    "self",
    "nil",
    "any",
    "all",
    "typechecking",
    "user",
    "a",
    "`",
    "`a-b`",
    "\"",
    "'",
    "'x.zed'",
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    "<",
    ">",
    ":",
    ":*",
    "#",
    "#a",
    "#...",
    "...",
    "...a",
    "|",
    "=",
    "+",
    "&",
    "-",
    "->",
    ".any(a)",
    ".all(a)",
    ".",
    ",",
    ";",
    "/",
    "//",
    "/*",
    "*/",
    "/** d */",
    "\n",
    "\r\n",
    "\r",
    "\t",
    " ",
    "\u{feff}",
    "\u{0}",
    "é",
    "\u{2028}",
    "🦀",
    "int",
    "list<",
    "map<any>",
    "ipaddress",
    "a == 1 }",
    "1",
    "\\",
    "?",
    "%",
];

/// A small generator of numbers (`SplitMix64`, Steele, Lea and Flood 2014).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) >> 33).unwrap() % bound.max(1)
    }

    fn range(&mut self, length: usize, longest: usize) -> std::ops::Range<usize> {
        let start = self.below(length + 1);
        start..(start + self.below(longest)).min(length)
    }
}

fn corpus(folder: &Path, texts: &mut Vec<Vec<u8>>) {
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            corpus(&path, texts);
        } else if path.extension().is_some_and(|extension| extension == "zed") {
            texts.push(std::fs::read(&path).unwrap());
        }
    }
}

/// One text, changed in one to six ways; mostly in one, so that many stay schemas.
fn changed(numbers: &mut Numbers, texts: &[Vec<u8>], right: &[Vec<u8>]) -> Vec<u8> {
    let from = if numbers.below(3) == 0 { texts } else { right };
    let mut bytes = from[numbers.below(from.len())].clone();
    let further = if numbers.below(3) == 0 { numbers.below(6) } else { 0 };
    for _ in 0..=further {
        match numbers.below(7) {
            0 => {
                let range = numbers.range(bytes.len(), 12);
                bytes.drain(range);
            }
            1 | 2 => {
                let at = numbers.below(bytes.len() + 1);
                bytes.splice(at..at, PIECES[numbers.below(PIECES.len())].bytes());
            }
            3 => {
                let range = numbers.range(bytes.len(), 6);
                bytes.splice(range, PIECES[numbers.below(PIECES.len())].bytes());
            }
            4 => {
                let at = numbers.below(bytes.len() + 1);
                bytes.insert(at, u8::try_from(numbers.below(256)).unwrap());
            }
            5 => {
                let piece = bytes[numbers.range(bytes.len(), 80)].to_vec();
                let at = numbers.below(bytes.len() + 1);
                bytes.splice(at..at, piece);
            }
            _ => {
                let other = &texts[numbers.below(texts.len())];
                let piece = other[numbers.range(other.len(), 200)].to_vec();
                let range = numbers.range(bytes.len(), 40);
                bytes.splice(range, piece);
            }
        }
    }
    bytes
}

#[test]
fn arbitrary_bytes_keep_the_laws_of_the_fuzz_target() {
    let mut texts = Vec::new();
    corpus(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata"), &mut texts);
    let right: Vec<Vec<u8>> = texts.iter().filter(|text| laws::check(text)).cloned().collect();
    assert!(texts.len() >= 60 && right.len() >= 20, "{} of {} texts are schemas", right.len(), texts.len());
    let mut numbers = Numbers(3);
    let mut schemas = 0;
    for round in 0..ROUNDS {
        let bytes = changed(&mut numbers, &texts, &right);
        let kept = std::panic::catch_unwind(|| laws::check(&bytes));
        assert!(kept.is_ok(), "round {round}: {:?}", String::from_utf8_lossy(&bytes));
        schemas += usize::from(kept.unwrap());
    }
    eprintln!("{ROUNDS} texts, {schemas} of them schemas");
    assert!(schemas * 50 > ROUNDS, "only {schemas} of {ROUNDS} texts are schemas: the laws of formatting and printing say little");
}
