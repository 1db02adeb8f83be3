//! Streams of items in a fixed order, cut into messages, perhaps ended by a cursor.
//!
//! A cursor binds the store, the history, the revision, the schema version, the request and its time; so all pages together are what
//! one stream would have been. While items go out, at most one message of them is in memory.

use futures_util::stream;
use prost::Message;
use tonic::codegen::BoxStream;

use super::request::{FieldProblem, RequestError};
use crate::errors::ApiError;
use crate::limits::{MESSAGE_ITEMS, PAGE_SIZE};
use crate::node::cursor::{Cursor, RequestHash};

/// Some items, and where to go on.
#[derive(Debug, Clone)]
pub(super) struct Fetched<T> {
    /// The items, in order; may be fewer than asked for, or none.
    pub(super) items: Vec<T>,
    /// The key behind which there may be more; `None`: this was all.
    pub(super) next: Option<Vec<u8>>,
}

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

    /// The messages of this page, each of at most [`MESSAGE_ITEMS`] items; at least one. `fetch(behind, n)` gives at most `n` items
    /// behind a key; `message(items, next_cursor)` makes a message of them.
    pub(super) fn stream<T, M, F, Fut, Make>(self, fetch: F, message: Make) -> BoxStream<M>
    where
        T: Send + 'static,
        M: Send + 'static,
        F: FnMut(Option<Vec<u8>>, usize) -> Fut + Send + 'static,
        Fut: Future<Output = Result<Fetched<T>, ApiError>> + Send,
        Make: FnMut(Vec<T>, String) -> M + Send + 'static,
    {
        let cursor = self.cursor;
        let going = Some(Going { behind: self.begins_behind, left: self.size, fetch, message });
        Box::pin(stream::try_unfold((going, cursor), |(going, cursor)| async move {
            let Some(mut going) = going else { return Ok::<_, tonic::Status>(None) };
            loop {
                let wanted = going.left.unwrap_or(usize::MAX).min(MESSAGE_ITEMS.count());
                let Fetched { items, next } = (going.fetch)(going.behind.clone(), wanted).await?;
                going.left = going.left.map(|left| left.saturating_sub(items.len()));
                let Some(next) = next else { return Ok(Some(((going.message)(items, String::new()), (None, cursor)))) };
                if going.left == Some(0) {
                    let next = Cursor { last_key: next, ..cursor.clone() }.to_string();
                    return Ok(Some(((going.message)(items, next), (None, cursor))));
                }
                going.behind = Some(next);
                if !items.is_empty() {
                    return Ok(Some(((going.message)(items, String::new()), (Some(going), cursor))));
                }
            }
        }))
    }
}

/// A page that is going out.
struct Going<F, Make> {
    behind: Option<Vec<u8>>,
    left: Option<usize>,
    fetch: F,
    message: Make,
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
            // Some of them are looked at in vain, as those of a list that are denied are.
            let items: Vec<u32> = (from..total).take(n).filter(|i| i % 7 != 3).collect();
            let next = (from as usize + n < total as usize).then(|| (from + u32::try_from(n).unwrap() - 1).to_be_bytes().to_vec());
            Ok(Fetched { items, next })
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
            assert_eq!(whole, (0..total).filter(|i| i % 7 != 3).collect::<Vec<_>>());
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
