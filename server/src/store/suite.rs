//! What every database must do, as tests over the trait: each database runs all of them.

mod batches;
mod corrupt;
mod divergence;
mod generated;
mod moments;
mod preconditions;
mod requests;
mod schemas;
mod stores;
mod support;
mod writes;

pub(super) use batches::*;
pub(super) use corrupt::*;
pub(super) use divergence::*;
pub(super) use generated::*;
pub(super) use moments::*;
pub(super) use preconditions::*;
pub(super) use requests::*;
pub(super) use schemas::*;
pub(super) use stores::*;
pub(super) use support::*;
pub(super) use writes::*;

/// Makes a test of each law; `$open` makes a new, empty database, and what has to live as long as it.
macro_rules! datastore_suite {
    ($open:path) => {
        datastore_suite! { $open:
            stores_are_made_found_listed_and_removed
            a_store_has_a_sound_name_of_its_own
            a_new_store_is_at_genesis
            a_removed_store_leaves_nothing_and_others_alone
            what_is_asked_of_no_store_says_so
            heads_that_moved_are_found_among_those_known
            the_log_is_read_in_parts
            who_wrote_a_revision_is_told_by_the_log
            a_store_is_loaded_in_pieces_in_key_order
            creates_touches_and_deletes_do_what_they_say
            a_tuple_is_of_the_revision_that_wrote_it_last
            every_qualifier_of_a_tuple_comes_back
            an_expired_tuple_counts_as_absent
            only_making_tuples_needs_a_schema
            a_refused_write_changes_nothing
            a_dry_run_says_what_would_be_and_leaves_no_trace
            time_never_goes_back
            an_entry_keeps_to_its_limits
            a_batch_commits_and_refuses_each_command_by_itself
            preconditions_see_the_commands_before_them
            preconditions_say_what_they_found
            every_filter_means_the_same_in_sql
            a_retry_gets_the_first_answer
            a_request_id_stands_for_one_payload
            a_request_id_is_free_again_after_a_day
            schema_versions_are_numbered_and_kept
            a_schema_write_is_refused_with_its_reason
            orphans_are_found_by_shape_and_by_context
            random_histories_fold_to_what_the_tables_hold
            a_write_that_is_dropped_leaves_a_whole_or_nothing
            readers_see_one_moment_while_others_write
        }
    };
    ($open:path: $($law:ident)*) => {
        $(
            #[tokio::test]
            async fn $law() {
                let (database, _alive) = $open().await;
                crate::store::suite::$law(database).await;
            }
        )*
    };
}
pub(super) use datastore_suite;
