use super::*;
use crate::store::*;

/// What is asked of a tampered database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Ask {
    Head,
    Load,
    Log,
    Labels,
    Touch,
    Delete,
    Filter,
    Schema,
    Request,
    List,
}

/// Asks it; the code of the error that it ends with, or `fine`.
pub(in crate::store) async fn ask(ask: Ask, tenant: &Tenant) -> &'static str {
    use dhow_engine::filter::TupleFilter;
    let (database, store) = (&tenant.database, tenant.store);
    let write = async |command: WriteCommand| database.write(store, at(9), &[command]).await.map(|_| ());
    let ada = "doc:1#viewer@user:ada";
    let answer = match ask {
        Ask::Head => database.head(store).await.map(|_| ()),
        Ask::Load => database.load(store, &mut Loaded::default()).await,
        Ask::Log => database.log(store, 0, 10).await.map(|_| ()),
        Ask::Labels => database.labels(store, &[1, 2].into()).await.map(|_| ()),
        Ask::Touch => write(command("t", [touch(ada)])).await,
        Ask::Delete => write(command("d", [delete(ada)])).await,
        Ask::Filter => {
            let filter = TupleFilter { subject_type: Some("user".into()), ..TupleFilter::default() };
            let preconditions = vec![crate::store::Precondition { expectation: crate::store::Expectation::MustExist, filter }];
            write(WriteCommand { preconditions, ..command("f", []) }).await
        }
        Ask::Schema => match database.write_schema(store, at(9), &schema_command("definition user {}")).await {
            Ok(_) => Ok(()),
            Err(SchemaWriteError::Datastore(error)) => Err(error),
            Err(other) => panic!("{other:?}"),
        },
        Ask::Request => database.request(store, "r", at(9)).await.map(|_| ()),
        Ask::List => database.list_stores().await.map(|_| ()),
    };
    answer.map_or_else(|error| error.code(), |()| "fine")
}
