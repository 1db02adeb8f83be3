//! How far each store is published, kept in a file beside the database.
//!
//! The file is behind by up to a second, and a crash may lose it: then entries are published once more, which readers see by their
//! revision. It is never ahead: a place is set once Kafka has the entry.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use dhow_engine::entry::{Chain, StoreId};

use super::super::feed::Place;
use crate::clock::Clock;

/// Between two writes of the file.
const PAUSE: Duration = Duration::from_secs(1);

/// The first line of the file.
const HEADING: &str = "dhow changelog places 1";

/// The places of all stores.
#[derive(Debug)]
pub(super) struct Places {
    path: Option<PathBuf>,
    clock: Arc<dyn Clock>,
    /// Guards the places and when they were written last.
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    places: BTreeMap<StoreId, Place>,
    written: Option<Duration>,
}

impl Places {
    /// The places of a file; none where there is no file, or none that can be read.
    pub(super) async fn read(path: Option<PathBuf>, clock: Arc<dyn Clock>) -> Self {
        let text = match path.clone() {
            Some(path) => tokio::task::spawn_blocking(move || std::fs::read_to_string(path)).await.ok().and_then(Result::ok),
            None => None,
        };
        let places = text.and_then(|text| parse(&text)).unwrap_or_default();
        Self { path, clock, inner: Mutex::new(Inner { places, written: None }) }
    }

    /// The stores that have a place.
    pub(super) fn stores(&self) -> Vec<StoreId> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).places.keys().copied().collect()
    }

    pub(super) fn get(&self, store: StoreId) -> Option<Place> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).places.get(&store).copied()
    }

    pub(super) fn forget(&self, store: StoreId) {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).places.remove(&store);
    }

    pub(super) async fn set(&self, places: &[(StoreId, Place)]) {
        let due = {
            let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
            inner.places.extend(places.iter().copied());
            let now = self.clock.monotonic();
            inner.written.is_none_or(|at| now.saturating_sub(at) >= PAUSE)
        };
        if due {
            self.write().await;
        }
    }

    /// Writes the file, if there is one. A file that cannot be written is told and costs nothing but publishing again.
    pub(super) async fn write(&self) {
        let Some(path) = self.path.clone() else { return };
        let text = {
            let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
            inner.written = Some(self.clock.monotonic());
            render(&inner.places)
        };
        let written = tokio::task::spawn_blocking(move || {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| std::path::Path::new("."));
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            std::io::Write::write_all(&mut file, text.as_bytes())?;
            file.persist(&path).map(drop).map_err(|error| error.error)
        });
        if let Ok(Err(error)) = written.await {
            tracing::warn!(%error, "how far the changelog is published cannot be kept");
        }
    }
}

fn render(places: &BTreeMap<StoreId, Place>) -> String {
    let mut text = format!("{HEADING}\n");
    for (store, Place { revision, chain }) in places {
        text.push_str(&format!("{store} {revision} {chain}\n"));
    }
    text
}

/// The places of a file's text; `None` when it is not one of ours, whole.
fn parse(text: &str) -> Option<BTreeMap<StoreId, Place>> {
    let mut lines = text.lines();
    if lines.next() != Some(HEADING) {
        return None;
    }
    lines.map(place).collect()
}

fn place(line: &str) -> Option<(StoreId, Place)> {
    let mut words = line.split(' ');
    let (store, revision, chain) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?, words.next()?);
    let digits: Vec<u8> = chain.chars().map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect::<Option<_>>()?;
    if digits.len() != 64 || words.next().is_some() {
        return None;
    }
    let bytes: Vec<u8> = digits.chunks(2).map(|pair| pair.iter().fold(0, |sum, digit| (sum << 4) | digit)).collect();
    Some((store, Place { revision, chain: Chain(bytes.try_into().ok()?) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_reads_back_what_was_written_and_nothing_else() {
        let store = StoreId([0xab; 16]);
        let places = BTreeMap::from([
            (store, Place { revision: 7, chain: Chain([0x1f; 32]) }),
            (StoreId([1; 16]), Place { revision: u64::MAX, chain: Chain::genesis(store) }),
        ]);
        let text = render(&places);
        assert_eq!(parse(&text), Some(places));
        assert_eq!(parse(&render(&BTreeMap::new())), Some(BTreeMap::new()));
        for wrong in ["", "something else\n", text.trim_end_matches("f\n"), &text.replace(" 7 ", " x "), &format!("{text}more\n")] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
