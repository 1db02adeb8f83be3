use futures_util::FutureExt;

use super::*;

#[test]
fn nothing_more_is_taken_until_there_is_room_again() {
    let mut taken = Box::pin(as_there_is_room(stream::iter(1..=5), 2));
    let mut next = || taken.next().now_or_never();
    let (first, second) = (next().unwrap().unwrap(), next().unwrap().unwrap());
    assert_eq!((first.0, second.0), (1, 2));
    assert!(next().is_none(), "two are under way");
    drop(second);
    let third = next().unwrap().unwrap();
    assert_eq!(third.0, 3);
    assert!(next().is_none());
    drop((first, third));
    assert_eq!(next().unwrap().unwrap().0, 4);
    assert_eq!(next().unwrap().unwrap().0, 5);
    assert!(next().unwrap().is_none(), "the stream has ended");
}
