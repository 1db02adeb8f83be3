//! Schema files on disk, for the compiler: a main text and the files it imports, all below the main file's folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use dhow_schema::diagnostic::Diagnostic;
use dhow_schema::source::{SourceError, Sources};

/// Reads imports from a folder and remembers each one, so that they can be sent along with the schema.
#[derive(Debug)]
pub(crate) struct FolderSources {
    root: PathBuf,
    main_name: String,
    main_text: Arc<str>,
    /// Guards: the imported files read so far, by their path below `root`.
    imported: Mutex<BTreeMap<String, Arc<str>>>,
}

impl FolderSources {
    /// The schema file at `path`, with imports beside it.
    ///
    /// # Errors
    /// What the operating system says where the file cannot be read as UTF-8.
    pub(crate) fn open(path: &Path) -> std::io::Result<Self> {
        let text = std::fs::read_to_string(path)?;
        let name = path.file_name().map_or_else(|| "schema".to_owned(), |name| name.to_string_lossy().into_owned());
        Ok(Self::new(folder_of(path), name, text))
    }

    /// A text that was found elsewhere (in a validation file), with imports from `root`.
    pub(crate) fn new(root: PathBuf, main_name: String, main_text: impl Into<Arc<str>>) -> Self {
        Self { root, main_name, main_text: main_text.into(), imported: Mutex::new(BTreeMap::new()) }
    }

    /// What the main text goes by.
    pub(crate) fn main_name(&self) -> &str {
        &self.main_name
    }

    /// The main text.
    pub(crate) fn main_text(&self) -> &str {
        &self.main_text
    }

    /// The imported files that were read so far, by their path below the folder.
    pub(crate) fn imported(&self) -> BTreeMap<String, String> {
        let imported = self.imported.lock().unwrap_or_else(PoisonError::into_inner);
        imported.iter().map(|(path, text)| (path.clone(), text.to_string())).collect()
    }
}

/// The folder that `path` lies in.
pub(crate) fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_path_buf(),
        Some(_) | None => PathBuf::from("."),
    }
}

impl Sources for FolderSources {
    fn text(&self, path: &str) -> Result<Arc<str>, SourceError> {
        if path == self.main_name {
            return Ok(Arc::clone(&self.main_text));
        }
        let bytes = match std::fs::read(self.root.join(path)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(SourceError::NotFound),
            Err(error) => return Err(SourceError::Unreadable { reason: error.to_string() }),
        };
        let text: Arc<str> = match String::from_utf8(bytes) {
            Ok(text) => text.into(),
            Err(error) => return Err(SourceError::NotUtf8 { valid_up_to: error.utf8_error().valid_up_to() }),
        };
        self.imported.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_owned(), Arc::clone(&text));
        Ok(text)
    }
}

/// The same files under the paths that a person can open: what diagnostics are drawn with.
struct Displayed<'a>(&'a FolderSources);

impl Sources for Displayed<'_> {
    fn text(&self, path: &str) -> Result<Arc<str>, SourceError> {
        let below = Path::new(path).strip_prefix(&self.0.root).unwrap_or_else(|_| Path::new(path));
        self.0.text(&below.to_string_lossy())
    }
}

impl FolderSources {
    /// The path of a file as seen from the working directory.
    pub(crate) fn display(&self, file: &str) -> String {
        if self.root == Path::new(".") { file.to_owned() } else { self.root.join(file).display().to_string() }
    }

    /// Draws diagnostics with carets under the lines they point at, under paths that a person can open.
    pub(crate) fn render(&self, diagnostics: &[Diagnostic], color: bool) -> String {
        let mut shown = diagnostics.to_vec();
        for label in shown.iter_mut().flat_map(|diagnostic| &mut diagnostic.labels) {
            label.file = self.display(&label.file).into();
        }
        dhow_schema::render(&shown, &Displayed(self), color)
    }
}
