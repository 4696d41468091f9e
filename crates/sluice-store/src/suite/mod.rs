//! What the store must do, on SQLite and on PostgreSQL. Each case starts with an empty store.

mod audit;
mod catalog;
mod change;
mod check;
mod claim;
mod failed;
mod faults;
mod figures;
mod latency;
mod lease;
mod limit;
mod made;
mod node;
mod outage;
mod post;
mod request;
mod usage;
mod user;

use std::pin::Pin;

use sluice_testkit::services::Postgres;
use tokio::task::JoinSet;

use crate::{SqlStore, sql::every_statement};

type Case = (&'static str, fn(SqlStore) -> Pin<Box<dyn Future<Output = ()> + Send>>);

macro_rules! cases {
    ($($part:ident: $($case:ident)*;)*) => {
        &[$($((concat!(stringify!($part), "::", stringify!($case)), |store| Box::pin($part::$case(store)))),*),*]
    };
}

const CASES: &[Case] = cases! {
    catalog: empty keeps_every_field file_replaces_its_own file_leaves_others file_meets_foreign_name
        file_meets_foreign_secret duplicate_key_name duplicate_key_secret largest_numbers any_text;
    change: keys projects providers models settings nul_characters;
    audit: entries_come_with_what_they_say nothing_of_it_can_be_changed tampering_shows;
    node: epochs_rise older_runs_are_fenced_off heartbeats all_nodes write_off;
    lease: grants returns end_leases_of_one_node rows_begin_with_what_was_spent race;
    limit: follows_a_changed_budget follows_another_period follows_the_file waits_after_it_was_lowered
        counts_what_ran_when_it_came;
    post: same_batch_twice many_rows half_known_batch one_request_twice_in_a_batch refused_rows late_details
        charges_beyond_the_lease without_lease_or_row cursors odd_texts_and_numbers true_ends_of_what_was_cut_off largest_sums;
    usage: groups_and_filters edges_of_hours_and_days;
    failed: are_as_many_as_the_list_has come_late;
    latency: groups_of_all_nodes what_is_sent_again_counts_once;
    request: filters beginnings what_is_rare_is_looked_for_in_steps pages_with_equal_times every_column;
    check: retire_in_steps retire_waits_for_nodes_that_were_cut_off planted_mismatches;
    claim: held_by_one_body of_each_key freed_and_expired after_the_end_of_its_request of_an_earlier_run
        of_another_node race;
    faults: post_fails_at_each_statement lease_fails_at_each_statement change_fails_at_each_statement claim_fails_at_each_statement;
    user: addresses_are_unique_in_any_letters every_field_is_kept changes_of_what_still_is_so the_last_owner_stays
        the_first_owner_is_one sessions_end_with_their_epoch what_is_used_once;
    outage: events;
};

/// Runs every case, and says which of them failed.
async fn run(engine: &str, mut open: impl AsyncFnMut(&str) -> SqlStore) {
    let mut failed = Vec::new();
    for (name, case) in CASES {
        let store = open(name).await;
        let mut task = JoinSet::new();
        task.spawn(case(store.clone()));
        if task.join_next().await.is_none_or(|ended| ended.is_err()) {
            failed.push(*name);
        }
        store.close().await;
    }
    assert!(failed.is_empty(), "on {engine}: {failed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite() {
    let dir = tempfile::tempdir().unwrap();
    run("SQLite", async |name| {
        SqlStore::open_sqlite(&dir.path().join(name.replace(':', "-"))).await.unwrap()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres() {
    let server = Postgres::start();
    run("PostgreSQL", async |_| SqlStore::open_postgres(&server.database()).await.unwrap()).await;
}

#[tokio::test]
async fn every_statement_is_understood() {
    let dir = tempfile::tempdir().unwrap();
    let server = Postgres::start();
    for store in [
        SqlStore::open_sqlite(&dir.path().join("db")).await.unwrap(),
        SqlStore::open_postgres(&server.database()).await.unwrap(),
    ] {
        for statement in every_statement() {
            store.prepare(&statement).await;
        }
        store.close().await;
    }
}
