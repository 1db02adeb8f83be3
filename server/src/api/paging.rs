//! Streams of items in a fixed order, cut into messages, perhaps ended by a cursor.
//!
//! A cursor binds the store, the history, the revision, the schema version, the request and its time; so all pages together are what
//! one stream would have been. While items go out, at most one message of them is in memory.

use std::collections::VecDeque;

use futures_util::stream;
use prost::Message;
use tonic::codegen::BoxStream;

use super::request::{FieldProblem, RequestError};
use crate::errors::ApiError;
use crate::limits::{MESSAGE_ITEMS, PAGE_SIZE};
use crate::node::cursor::{Cursor, RequestHash};

/// An item with the key that the next page goes on behind.
pub(super) type Keyed<T> = (Vec<u8>, T);

/// A page that a request asks for.
#[derive(Debug, Clone)]
pub(super) struct Page {
    /// How many items at most; `None`: all.
    size: Option<usize>,
    /// What the last item was called.
    cursor: Cursor,
    begins_behind: Option<Vec<u8>>,
}

/// Checks a page size.
///
/// # Errors
/// When it is larger than [`PAGE_SIZE`].
pub(super) fn check_size(size: u32) -> Result<Option<usize>, RequestError> {
    let count = usize::try_from(size).unwrap_or(usize::MAX);
    if count > PAGE_SIZE.count() {
        return Err(RequestError::new("page_size", FieldProblem::PageTooLarge { got: size, max: PAGE_SIZE.value }));
    }
    Ok((count > 0).then_some(count))
}

/// The hash that binds a cursor to a request of method `method`; `request` has no page size and no cursor any more.
pub(super) fn hash(method: &'static str, request: &impl Message) -> RequestHash {
    let mut bytes = method.as_bytes().to_vec();
    bytes.push(0);
    request.encode(&mut bytes).unwrap_or_default();
    RequestHash::of(&bytes)
}

impl Page {
    /// The first page: `cursor` says what its successors are bound to; its last key does not matter.
    pub(super) fn first(size: Option<usize>, cursor: Cursor) -> Self {
        Self { size, cursor, begins_behind: None }
    }

    /// The page behind a cursor.
    pub(super) fn behind(size: Option<usize>, cursor: Cursor) -> Self {
        let begins_behind = Some(cursor.last_key.clone());
        Self { size, cursor, begins_behind }
    }

    /// The messages of this page, each of at most [`MESSAGE_ITEMS`] items; at least one. `fetch(behind, n)` gives the next `n` items
    /// behind a key, fewer only at the end; `message(items, next_cursor)` makes a message of them.
    pub(super) fn stream<T, M, F, Fut, Make>(self, fetch: F, message: Make) -> BoxStream<M>
    where
        T: Send + 'static,
        M: Send + 'static,
        F: FnMut(Option<Vec<u8>>, usize) -> Fut + Send + 'static,
        Fut: Future<Output = Result<Vec<Keyed<T>>, ApiError>> + Send,
        Make: FnMut(Vec<T>, String) -> M + Send + 'static,
    {
        let state = Some((self.begins_behind, self.size, fetch, message));
        let cursor = self.cursor;
        Box::pin(stream::try_unfold((state, cursor), |(state, cursor)| async move {
            let Some((behind, left, mut fetch, mut message)) = state else { return Ok(None) };
            let wanted = left.unwrap_or(usize::MAX).min(MESSAGE_ITEMS.count());
            let ends_page = left == Some(wanted);
            // One more than the page holds tells whether there is another page.
            let found = fetch(behind.clone(), wanted.saturating_add(usize::from(ends_page))).await?;
            let more = if ends_page { found.len() > wanted } else { found.len() == wanted };
            let mut keyed: VecDeque<_> = found.into();
            keyed.truncate(wanted);
            let last = keyed.back().map(|(key, _)| key.clone()).or(behind);
            let items = keyed.into_iter().map(|(_, item)| item).collect();
            if more && ends_page {
                let next = Cursor { last_key: last.unwrap_or_default(), ..cursor.clone() };
                return Ok(Some((message(items, next.to_string()), (None, cursor))));
            }
            let made = message(items, String::new());
            let left = left.map(|left| left.saturating_sub(wanted));
            Ok::<_, tonic::Status>(Some((made, (more.then_some((last, left, fetch, message)), cursor))))
        }))
    }
}

#[cfg(test)]
mod tests {
    use dhow_engine::entry::{Chain, StoreId};
    use dhow_engine::time::Timestamp;
    use tokio_stream::StreamExt;

    use super::*;
    use crate::node::token::Token;

    fn cursor() -> Cursor {
        let store = StoreId([1; 16]);
        Cursor {
            at: Token::new(store, 1, &Chain::genesis(store)),
            schema_version: 1,
            request: RequestHash::of(b"list"),
            time: Timestamp::from_microseconds(0),
            last_key: Vec::new(),
        }
    }

    async fn messages(page: Page, total: u32) -> Vec<(Vec<u32>, String)> {
        let fetch = move |behind: Option<Vec<u8>>, n: usize| async move {
            let from = behind.map_or(0, |key| u32::from_be_bytes(key.try_into().unwrap()) + 1);
            Ok((from..total).take(n).map(|i| (i.to_be_bytes().to_vec(), i)).collect())
        };
        page.stream(fetch, |items: Vec<u32>, next| (items, next)).map(Result::unwrap).collect().await
    }

    #[tokio::test]
    async fn pages_are_what_one_stream_would_have_been() {
        for total in [0_u32, 1, 7, 499, 500, 501, 1_000, 1_003] {
            let whole = messages(Page::first(None, cursor()), total).await;
            assert!(!whole.is_empty());
            assert!(whole.iter().all(|(items, next)| items.len() <= MESSAGE_ITEMS.count() && next.is_empty()));
            let whole: Vec<u32> = whole.into_iter().flat_map(|(items, _)| items).collect();
            assert_eq!(whole, (0..total).collect::<Vec<_>>());
            for size in [1, 3, 500, 700, 2_000] {
                let (mut paged, mut page) = (Vec::new(), Page::first(Some(size), cursor()));
                loop {
                    let page_messages = messages(page, total).await;
                    let next = page_messages.last().unwrap().1.clone();
                    assert!(page_messages.iter().map(|(items, _)| items.len()).sum::<usize>() <= size);
                    paged.extend(page_messages.into_iter().flat_map(|(items, _)| items));
                    if next.is_empty() {
                        break;
                    }
                    let base = cursor();
                    page = Page::behind(Some(size), Cursor::parse(&next, base.at.store, base.request).unwrap());
                }
                assert_eq!(paged, whole, "{total} in pages of {size}");
            }
        }
    }

    #[test]
    fn a_page_size_past_the_limit_is_refused() {
        assert_eq!(check_size(0), Ok(None));
        assert_eq!(check_size(10_000), Ok(Some(10_000)));
        assert_eq!(check_size(10_001).unwrap_err().problem().code(), "DH-A017");
    }
}
