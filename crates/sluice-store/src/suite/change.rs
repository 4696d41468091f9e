//! Changes of the catalog by an operator.

use sluice_ledger::{Key, KeyHash, Limits, Origin, Project};

use super::{
    catalog::{bare_provider, full_model, key},
    made::{NOW_MS, entry},
};
use crate::{
    Catalog, CatalogChange as Change, ModelRecord, ProviderRecord, SqlStore, Store as _, query::AuditFilter,
};

/// What became of a change: `ok`, or the name of the error's kind.
async fn outcome(store: &SqlStore, change: Change) -> String {
    let version = sum_of(store).await;
    let done = store.change(&change, &entry("update", "x"), NOW_MS).await;
    let audited = store.audit(&AuditFilter::newest(1_000)).await.unwrap().len();
    // The entry comes with the change, and only with it.
    assert_eq!(audited, version + usize::from(done.is_ok()), "{change:?}");
    match done {
        Ok(()) => "ok".to_owned(),
        Err(error) => format!("{error:?}").split([' ', '(']).next().unwrap_or_default().to_owned(),
    }
}

async fn sum_of(store: &SqlStore) -> usize {
    store.audit(&AuditFilter::newest(1_000)).await.unwrap().len()
}

async fn check(store: &SqlStore, change: Change, expect: &str) {
    let before = store.load_catalog().await.unwrap();
    let shown = format!("{change:?}");
    assert_eq!(outcome(store, change).await, expect, "{shown}");
    if expect != "ok" {
        let after = store.load_catalog().await.unwrap();
        assert_eq!(format!("{before:?}"), format!("{after:?}"), "{shown}");
    }
}

fn update(before: &Key, after: Key) -> Change {
    Change::UpdateKey { before: Box::new(before.clone()), after: Box::new(after) }
}

fn project(name: &str, origin: Origin) -> Project {
    Project { name: name.to_owned(), limits: Limits::default(), budget: None, origin }
}

pub(super) async fn keys(store: SqlStore) {
    let filed = key("filed", "sk-filed", Origin::File);
    store.apply_file(&Catalog { keys: vec![filed.clone()], ..Catalog::default() }).await.unwrap();
    let one = key("one", "sk-one", Origin::Admin);
    let two = key("two", "sk-two", Origin::Admin);
    check(&store, Change::InsertKey(one.clone()), "ok").await;
    check(&store, Change::InsertKey(two.clone()), "ok").await;
    let mut same_name = key("three", "sk-three", Origin::Admin);
    same_name.name.clone_from(&one.name);
    check(&store, Change::InsertKey(same_name), "DuplicateName").await;
    check(&store, Change::InsertKey(key("three", "sk-one", Origin::Admin)), "DuplicateSecret").await;
    let astray = Key { project: "gone".to_owned(), ..key("three", "sk-three", Origin::Admin) };
    check(&store, Change::InsertKey(astray), "Missing").await;

    let rotated =
        Key { hash: KeyHash::of("sk-new"), previous: Some((one.hash, 99)), revoked: true, ..one.clone() };
    check(&store, update(&one, rotated.clone()), "ok").await;
    assert!(store.load_catalog().await.unwrap().keys.contains(&rotated));
    check(&store, update(&one, one.clone()), "Stale").await;
    // A secret that still holds for a while is taken, too.
    check(&store, update(&two, Key { hash: KeyHash::of("sk-one"), ..two.clone() }), "DuplicateSecret").await;
    check(&store, update(&two, Key { name: "one".to_owned(), ..two.clone() }), "DuplicateName").await;
    check(&store, update(&two, Key { project: "gone".to_owned(), ..two.clone() }), "Missing").await;
    check(&store, update(&two, Key { id: "key_other".to_owned(), ..two.clone() }), "Renamed").await;
    check(&store, update(&filed, filed.clone()), "OwnedByFile").await;
    let nobody = key("nobody", "sk-nobody", Origin::Admin);
    check(&store, update(&nobody, nobody.clone()), "NotFound").await;
    check(&store, update(&two, Key { name: "zwei".to_owned(), ..two.clone() }), "ok").await;
}

pub(super) async fn projects(store: SqlStore) {
    let filed = project("filed", Origin::File);
    store.apply_file(&Catalog { projects: vec![filed.clone()], ..Catalog::default() }).await.unwrap();
    let one = project("one", Origin::Admin);
    check(&store, Change::InsertProject(one.clone()), "ok").await;
    check(&store, Change::InsertProject(one.clone()), "DuplicateName").await;
    check(&store, Change::InsertProject(project("filed", Origin::Admin)), "DuplicateName").await;
    let limited = Project { limits: Limits { rpm: Some(5), ..Limits::default() }, ..one.clone() };
    let change = |before: &Project, after: &Project| Change::UpdateProject {
        before: before.clone(),
        after: after.clone(),
    };
    check(&store, change(&one, &limited), "ok").await;
    assert!(store.load_catalog().await.unwrap().projects.contains(&limited));
    check(&store, change(&one, &limited), "Stale").await;
    check(&store, change(&limited, &project("other", Origin::Admin)), "Renamed").await;
    check(&store, change(&filed, &filed), "OwnedByFile").await;
    check(&store, change(&project("gone", Origin::Admin), &limited), "NotFound").await;

    let inside = Key { project: "one".to_owned(), ..key("k", "sk-k", Origin::Admin) };
    check(&store, Change::InsertKey(inside.clone()), "ok").await;
    check(&store, Change::DeleteProject("one".to_owned()), "InUse").await;
    check(&store, update(&inside, Key { revoked: true, ..inside.clone() }), "ok").await;
    check(&store, Change::DeleteProject("one".to_owned()), "ok").await;
    check(&store, Change::DeleteProject("one".to_owned()), "NotFound").await;
    check(&store, Change::DeleteProject("filed".to_owned()), "OwnedByFile").await;
}

pub(super) async fn providers(store: SqlStore) {
    let filed = bare_provider();
    store.apply_file(&Catalog { providers: vec![filed.clone()], ..Catalog::default() }).await.unwrap();
    let one = ProviderRecord {
        name: "one".to_owned(),
        sealed: Some(vec![0, 255, 7]),
        origin: Origin::Admin,
        ..bare_provider()
    };
    let change = |before: &ProviderRecord, after: &ProviderRecord| Change::UpdateProvider {
        before: Box::new(before.clone()),
        after: Box::new(after.clone()),
    };
    check(&store, Change::InsertProvider(one.clone()), "ok").await;
    check(&store, Change::InsertProvider(one.clone()), "DuplicateName").await;
    let moved = ProviderRecord { base_url: Some("https://up/v1".to_owned()), sealed: None, ..one.clone() };
    check(&store, change(&one, &moved), "ok").await;
    assert!(store.load_catalog().await.unwrap().providers.contains(&moved));
    check(&store, change(&one, &moved), "Stale").await;
    check(&store, change(&moved, &ProviderRecord { name: "x".to_owned(), ..moved.clone() }), "Renamed").await;
    check(&store, change(&filed, &filed), "OwnedByFile").await;
    let gone = ProviderRecord { name: "gone".to_owned(), ..one.clone() };
    check(&store, change(&gone, &gone), "NotFound").await;

    let mut model = ModelRecord { origin: Origin::Admin, ..full_model() };
    model.targets[0].provider = "one".to_owned();
    check(&store, Change::InsertModel(model), "ok").await;
    check(&store, Change::DeleteProvider("one".to_owned()), "InUse").await;
    check(&store, Change::DeleteModel("full".to_owned()), "ok").await;
    check(&store, Change::DeleteProvider("one".to_owned()), "ok").await;
    check(&store, Change::DeleteProvider("one".to_owned()), "NotFound").await;
    check(&store, Change::DeleteProvider(filed.name), "OwnedByFile").await;
}

pub(super) async fn models(store: SqlStore) {
    let filed = ModelRecord { name: "filed".to_owned(), ..full_model() };
    store.apply_file(&Catalog { models: vec![filed.clone()], ..Catalog::default() }).await.unwrap();
    let one = ModelRecord { origin: Origin::Admin, ..full_model() };
    let change = |before: &ModelRecord, after: &ModelRecord| Change::UpdateModel {
        before: Box::new(before.clone()),
        after: Box::new(after.clone()),
    };
    check(&store, Change::InsertModel(one.clone()), "ok").await;
    check(&store, Change::InsertModel(one.clone()), "DuplicateName").await;
    let free = ModelRecord { price: None, ..one.clone() };
    check(&store, change(&one, &free), "ok").await;
    assert!(store.load_catalog().await.unwrap().models.contains(&free));
    check(&store, change(&one, &free), "Stale").await;
    check(&store, change(&free, &ModelRecord { name: "x".to_owned(), ..free.clone() }), "Renamed").await;
    check(&store, change(&filed, &filed), "OwnedByFile").await;
    let gone = ModelRecord { name: "gone".to_owned(), ..one.clone() };
    check(&store, change(&gone, &gone), "NotFound").await;
    check(&store, Change::DeleteModel("filed".to_owned()), "OwnedByFile").await;
    check(&store, Change::DeleteModel("full".to_owned()), "ok").await;
    check(&store, Change::DeleteModel("full".to_owned()), "NotFound").await;
}

/// Not every engine can hold them, so none takes them, and none fails over them.
pub(super) async fn settings(store: SqlStore) {
    let set = async |name: &str, value: Option<&str>| {
        let settings = [(name.to_owned(), value.map(str::to_owned))].into();
        store.change(&Change::Settings(settings), &entry("update", "settings"), NOW_MS).await.unwrap();
        let (catalog, version) = store.load_catalog_and_version().await.unwrap();
        (catalog.settings.into_iter().collect::<Vec<_>>(), version)
    };
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(set("a", Some("1")).await, (vec![pair("a", "1")], 1));
    assert_eq!(set("b", Some(r#"{"x":"é"}"#)).await, (vec![pair("a", "1"), pair("b", r#"{"x":"é"}"#)], 2));
    assert_eq!(set("a", Some("2")).await.0[0], pair("a", "2"));
    assert_eq!(set("a", None).await, (vec![pair("b", r#"{"x":"é"}"#)], 4));
    // What the file says is beside them.
    store.apply_file(&Catalog::default()).await.unwrap();
    assert_eq!(store.load_catalog().await.unwrap().settings.len(), 1);
    assert_eq!(store.audit(&AuditFilter::newest(10)).await.unwrap().len(), 4);
}

pub(super) async fn nul_characters(store: SqlStore) {
    let owner = Key { owner: Some("\0".to_owned()), ..key("k", "sk-k", Origin::Admin) };
    check(&store, Change::InsertKey(owner), "Nul").await;
    check(&store, Change::InsertProject(project("p\0", Origin::Admin)), "Nul").await;
    let provider = ProviderRecord { base_url: Some("http://\0".to_owned()), ..bare_provider() };
    check(&store, Change::InsertProvider(provider), "Nul").await;
    check(&store, Change::InsertModel(ModelRecord { name: "\0".to_owned(), ..full_model() }), "Nul").await;
    // Inside of what is kept as JSON they are escaped.
    let mut model = ModelRecord { origin: Origin::Admin, ..full_model() };
    model.targets[0].model = "\0".to_owned();
    check(&store, Change::InsertModel(model.clone()), "ok").await;
    assert_eq!(store.load_catalog().await.unwrap().models, [model]);
    for change in [Change::DeleteProject("\0".to_owned()), Change::DeleteModel("\0".to_owned())] {
        assert_ne!(outcome(&store, change).await, "ok");
    }
}
