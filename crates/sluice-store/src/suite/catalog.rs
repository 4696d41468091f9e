//! The catalog as it is loaded, and as the configuration file replaces it.

use std::collections::BTreeMap;

use sluice_ledger::{
    Budget, Key, KeyHash, Limits, LongContextPrice, ModelAccess, NanoUsd, Origin, Period, Price, Project,
};

use crate::{
    Catalog, ModelCapabilities, ModelOptions, ModelRecord, ProviderOptions, ProviderRecord, SqlStore, Store,
    TargetRecord,
};

pub(super) async fn empty(store: SqlStore) {
    check_catalog(&store, &Catalog::default()).await;
}

pub(super) async fn keeps_every_field(store: SqlStore) {
    store.apply_file(&full_catalog()).await.unwrap();
    check_catalog(&store, &full_catalog()).await;
}

pub(super) async fn file_replaces_its_own(store: SqlStore) {
    store.apply_file(&full_catalog()).await.unwrap();
    let smaller = Catalog { keys: vec![key("other", "sk-other", Origin::File)], ..Catalog::default() };
    store.apply_file(&smaller).await.unwrap();
    check_catalog(&store, &smaller).await;
}

pub(super) async fn file_leaves_others(store: SqlStore) {
    let first = key("first", "sk-first", Origin::FirstRun);
    store.insert_key(&first).await.unwrap();
    let ours = Catalog { keys: vec![key("zeta", "sk-zeta", Origin::File)], ..Catalog::default() };
    store.apply_file(&ours).await.unwrap();
    store.apply_file(&ours).await.unwrap();
    assert_eq!(store.load_catalog().await.unwrap().keys, [first.clone(), ours.keys[0].clone()]);
    store.apply_file(&Catalog::default()).await.unwrap();
    assert_eq!(store.load_catalog().await.unwrap().keys, [first]);
}

pub(super) async fn file_meets_foreign_name(store: SqlStore) {
    foreign(&store, "first", "sk-new", "key `first` of the configuration file").await;
}

pub(super) async fn file_meets_foreign_secret(store: SqlStore) {
    foreign(&store, "new", "sk-first", "secret of the key `new` is already that of the key `first`").await;
}

pub(super) async fn duplicate_key_name(store: SqlStore) {
    duplicate(&store, "first", "sk-new", "already a key named `first`").await;
}

pub(super) async fn duplicate_key_secret(store: SqlStore) {
    duplicate(&store, "new", "sk-first", "secret of the key `new` is already that of the key `first`").await;
}

pub(super) async fn any_text(store: SqlStore) {
    for name in ["", "a'; DROP TABLE keys; --", "名前 🔑", "%_\\", "\u{1}\"\\u0000"] {
        let made = key(name, &format!("sk-{name}"), Origin::Admin);
        store.insert_key(&made).await.unwrap();
        assert!(store.load_catalog().await.unwrap().keys.contains(&made), "{name:?}");
    }
    let text = store.insert_key(&key("\0x", "sk-nul", Origin::Admin)).await.unwrap_err().to_string();
    assert!(text.contains("NUL character"), "{text}");
}

async fn check_catalog(store: &SqlStore, expect: &Catalog) {
    let found = store.load_catalog().await.unwrap();
    assert_eq!(found.keys, expect.keys);
    assert_eq!(found.projects, expect.projects);
    assert_eq!(found.providers, expect.providers);
    assert_eq!(found.models, expect.models);
}

/// The file names a key that clashes with one made elsewhere: refused, and nothing is changed.
async fn foreign(store: &SqlStore, name: &str, secret: &str, expect: &str) {
    let first = key("first", "sk-first", Origin::FirstRun);
    let before = Catalog { providers: full_catalog().providers, ..Catalog::default() };
    store.insert_key(&first).await.unwrap();
    store.apply_file(&before).await.unwrap();
    let clash = Catalog { keys: vec![key(name, secret, Origin::File)], ..Catalog::default() };
    let text = store.apply_file(&clash).await.unwrap_err().to_string();
    assert!(text.contains(expect), "{text}");
    check_catalog(store, &Catalog { keys: vec![first], ..before }).await;
}

async fn duplicate(store: &SqlStore, name: &str, secret: &str, expect: &str) {
    let first = key("first", "sk-first", Origin::FirstRun);
    store.insert_key(&first).await.unwrap();
    let text = store.insert_key(&key(name, secret, Origin::Admin)).await.unwrap_err().to_string();
    assert!(text.contains(expect), "{text}");
    assert_eq!(store.load_catalog().await.unwrap().keys, [first]);
}

pub(super) async fn largest_numbers(store: SqlStore) {
    let mut large = key("large", "sk-large", Origin::Admin);
    large.limits = Limits {
        rpm: Some(u32::MAX),
        tpm: Some(u64::MAX),
        parallel: Some(u32::MAX),
        max_output_tokens: Some(u64::MAX),
    };
    large.budget = Some(Budget { limit: NanoUsd(u64::MAX), period: Period::Total });
    large.expires_at = Some(i64::MIN);
    large.default_max_output_tokens = Some(i64::MAX as u64);
    store.insert_key(&large).await.unwrap();
    assert_eq!(store.load_catalog().await.unwrap().keys, [large.clone()]);
    large.default_max_output_tokens = Some(u64::MAX);
    let text = store.insert_key(&large).await.unwrap_err().to_string();
    assert!(text.contains("`large` has a number that is too large: default_max_output_tokens"), "{text}");
}

pub(super) fn key(name: &str, secret: &str, origin: Origin) -> Key {
    Key {
        id: format!("key_{name}"),
        name: name.to_owned(),
        hash: KeyHash::of(secret),
        prefix: secret.chars().take(6).collect(),
        project: "default".to_owned(),
        models: ModelAccess::All,
        limits: Limits::default(),
        model_limits: BTreeMap::new(),
        budget: None,
        default_max_output_tokens: None,
        expires_at: None,
        owner: None,
        revoked: false,
        previous: None,
        created_at: None,
        origin,
    }
}

/// One object of each kind with every field set, and one with none.
fn full_catalog() -> Catalog {
    let limits = Limits { rpm: Some(1), tpm: Some(2), parallel: Some(3), max_output_tokens: Some(4) };
    let budget = Some(Budget { limit: NanoUsd(50_000_000_001), period: Period::Month });
    let full_key = Key {
        models: ModelAccess::Only(vec!["a".to_owned(), "b/*".to_owned()]),
        limits,
        model_limits: BTreeMap::from([("a".to_owned(), limits), ("b".to_owned(), Limits::default())]),
        budget,
        default_max_output_tokens: Some(5),
        expires_at: Some(1_798_761_600),
        owner: Some("someone@example.com".to_owned()),
        revoked: true,
        ..key("full", "sk-full", Origin::File)
    };
    Catalog {
        settings: Default::default(),
        keys: vec![key("bare", "sk-bare", Origin::File), full_key],
        projects: vec![
            Project {
                name: "bare".to_owned(),
                limits: Limits::default(),
                budget: None,
                origin: Origin::File,
            },
            Project { name: "full".to_owned(), limits, budget, origin: Origin::File },
        ],
        providers: vec![bare_provider(), full_provider()],
        models: vec![bare_model(), full_model()],
    }
}

pub(super) fn bare_provider() -> ProviderRecord {
    ProviderRecord {
        name: "bare".to_owned(),
        kind: "openai".to_owned(),
        base_url: None,
        options: ProviderOptions::default(),
        sealed: None,
        origin: Origin::File,
    }
}

fn full_provider() -> ProviderRecord {
    ProviderRecord {
        name: "full".to_owned(),
        kind: "openai-compatible".to_owned(),
        base_url: Some("http://127.0.0.1:9/v1".to_owned()),
        options: ProviderOptions {
            headers: vec![("x-b".to_owned(), "2".to_owned()), ("x-a".to_owned(), "1".to_owned())],
            forward_headers: vec!["openai-organization".to_owned()],
            http2: true,
            inline_media: true,
            drain_on_disconnect: true,
            internal: true,
            region: Some("eu-central-1".to_owned()),
            project: Some("p".to_owned()),
            location: Some("global".to_owned()),
            api_version: Some("2026-01-01".to_owned()),
            tenant_id: Some("t".to_owned()),
            client_id: Some("c".to_owned()),
        },
        sealed: None,
        origin: Origin::File,
    }
}

fn bare_model() -> ModelRecord {
    ModelRecord {
        name: "bare".to_owned(),
        targets: Vec::new(),
        price: None,
        options: ModelOptions::default(),
        origin: Origin::File,
    }
}

pub(super) fn full_model() -> ModelRecord {
    let capabilities = ModelCapabilities {
        context_length: Some(128_000),
        max_output_tokens: Some(16_384),
        capabilities: Some(vec!["tools".to_owned()]),
    };
    ModelRecord {
        name: "full".to_owned(),
        targets: vec![TargetRecord {
            provider: "full".to_owned(),
            model: "m".to_owned(),
            weight: 3,
            priority: 1,
            capabilities: capabilities.clone(),
        }],
        price: Some(Price {
            input: NanoUsd(150_000_000),
            output: NanoUsd(600_000_000),
            cache_read: Some(NanoUsd(75_000_000)),
            cache_write: Some(NanoUsd(0)),
            cache_write_1h: Some(NanoUsd(1)),
            reasoning: Some(NanoUsd(2)),
            audio_input: Some(NanoUsd(3)),
            audio_output: Some(NanoUsd(4)),
            long_context: Some(LongContextPrice {
                above_tokens: 200_000,
                input: NanoUsd(5),
                output: NanoUsd(6),
                cache_read: Some(NanoUsd(7)),
            }),
        }),
        options: ModelOptions {
            capabilities,
            unpriced_free: true,
            connect_ms: Some(1),
            first_token_ms: Some(2),
            idle_ms: Some(3),
            total_ms: Some(4),
            max_attempts: Some(5),
            retry_after_wait_ms: Some(6),
            hedge_enabled: Some(true),
            hedge_min_delay_ms: Some(7),
            hedge_budget_percent: Some(8),
            stream_repair: Some(false),
            strict: Some(true),
            default_max_output_tokens: Some(9),
        },
        origin: Origin::File,
    }
}
