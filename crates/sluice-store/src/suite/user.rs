//! Users and sessions.

use super::made::{NOW_MS, assert_sound, entry};
use crate::{
    SqlStore, Store as _, StoreError,
    query::AuditFilter,
    users::{Factor, Role, SessionRow, SignIn, User, UserChange as Change},
};

fn user(id: &str, email: &str, role: Role) -> User {
    User {
        id: id.to_owned(),
        email: email.to_owned(),
        role,
        projects: None,
        password: None,
        invite: None,
        totp: None,
        recovery: Vec::new(),
        oidc: None,
        epoch: 0,
        disabled: false,
        created_ms: NOW_MS,
        seen_ms: None,
    }
}

fn full() -> User {
    User {
        projects: Some(vec!["a".to_owned(), "ü'\"".to_owned()]),
        password: Some("$argon2id$x".to_owned()),
        invite: Some(([7; 32], NOW_MS + 5)),
        totp: Some(vec![0, 1, 255]),
        recovery: vec![[1; 32], [0xab; 32]],
        oidc: Some(("https://id.example".to_owned(), "sub".to_owned())),
        epoch: 3,
        disabled: true,
        seen_ms: Some(NOW_MS),
        ..user("user_f", "Full@Example.com", Role::Billing)
    }
}

/// What became of a change: `ok`, or the name of the error's kind. Its entry comes with it, and only with it.
async fn outcome(store: &SqlStore, change: Change) -> String {
    let before = store.audit(&AuditFilter::newest(1_000)).await.unwrap().len();
    let done = store.change_user(&change, &entry("update", "x"), NOW_MS).await;
    let entries = store.audit(&AuditFilter::newest(1_000)).await.unwrap().len();
    assert_eq!(entries, before + usize::from(done.is_ok()), "{change:?}");
    match done {
        Ok(()) => "ok".to_owned(),
        Err(error) => format!("{error:?}").split([' ', '(']).next().unwrap_or_default().to_owned(),
    }
}

fn insert(user: &User) -> Change {
    Change::Insert(Box::new(user.clone()))
}

fn update(before: &User, after: User) -> Change {
    Change::Update { before: Box::new(before.clone()), after: Box::new(after) }
}

pub(super) async fn addresses_are_unique_in_any_letters(store: SqlStore) {
    let (one, two) =
        (user("user_1", "Ärne@Example.com", Role::Owner), user("user_2", "b@example.com", Role::Viewer));
    assert_eq!(outcome(&store, insert(&one)).await, "ok");
    assert_eq!(
        outcome(&store, insert(&User { email: " ärne@EXAMPLE.COM".to_owned(), ..two.clone() })).await,
        "DuplicateName"
    );
    assert_eq!(outcome(&store, insert(&two)).await, "ok");
    let renamed = User { email: "ÄRNE@example.com".to_owned(), ..two.clone() };
    assert_eq!(outcome(&store, update(&two, renamed)).await, "DuplicateName");
    assert_eq!(
        outcome(&store, insert(&User { email: "c\0@example.com".to_owned(), ..two.clone() })).await,
        "Nul"
    );
    assert_eq!(store.user_by_email("äRNE@example.com ").await.unwrap(), Some(one.clone()));
    for nobody in ["c@example.com", "", "\0"] {
        assert_eq!(store.user_by_email(nobody).await.unwrap(), None);
        assert_eq!(store.user(nobody).await.unwrap(), None);
    }
    assert_eq!(store.users().await.unwrap(), [two, one]);
    assert_sound(&store).await;
}

pub(super) async fn every_field_is_kept(store: SqlStore) {
    assert!(!store.has_users().await.unwrap());
    assert_eq!(outcome(&store, insert(&full())).await, "ok");
    assert!(store.has_users().await.unwrap());
    assert_eq!(store.user("user_f").await.unwrap(), Some(full()));
    assert_eq!(store.user_by_invite(&[7; 32]).await.unwrap(), Some(full()));
    assert_eq!(store.user_by_invite(&[8; 32]).await.unwrap(), None);
    let bare = user("user_f", "other@example.com", Role::Member);
    assert_eq!(outcome(&store, update(&full(), bare.clone())).await, "ok");
    // When somebody was seen is not for a change to say.
    assert_eq!(store.user("user_f").await.unwrap(), Some(User { seen_ms: Some(NOW_MS), ..bare }));
}

pub(super) async fn changes_of_what_still_is_so(store: SqlStore) {
    let one = user("user_1", "a@example.com", Role::Viewer);
    assert_eq!(outcome(&store, update(&one, one.clone())).await, "NotFound");
    assert_eq!(outcome(&store, Change::Delete("user_1".to_owned())).await, "NotFound");
    assert_eq!(outcome(&store, insert(&one)).await, "ok");
    let admin = User { role: Role::Admin, ..one.clone() };
    assert_eq!(outcome(&store, update(&admin, one.clone())).await, "Stale");
    assert_eq!(outcome(&store, update(&User { seen_ms: Some(1), ..one.clone() }, admin.clone())).await, "ok");
    assert_eq!(outcome(&store, update(&one, one.clone())).await, "Stale");
    assert_eq!(outcome(&store, Change::Delete("user_1".to_owned())).await, "ok");
    assert_eq!(store.users().await.unwrap(), []);
}

pub(super) async fn the_last_owner_stays(store: SqlStore) {
    let (one, two) =
        (user("user_1", "a@example.com", Role::Owner), user("user_2", "b@example.com", Role::Owner));
    assert_eq!(outcome(&store, insert(&one)).await, "ok");
    assert_eq!(outcome(&store, insert(&User { disabled: true, ..two.clone() })).await, "ok");
    let demoted = User { role: Role::Admin, ..one.clone() };
    let disabled = User { disabled: true, ..one.clone() };
    for change in [update(&one, demoted.clone()), update(&one, disabled), Change::Delete("user_1".to_owned())]
    {
        assert_eq!(outcome(&store, change).await, "InUse");
    }
    assert_eq!(outcome(&store, update(&User { disabled: true, ..two.clone() }, two.clone())).await, "ok");
    assert_eq!(outcome(&store, update(&one, demoted)).await, "ok");
    assert_eq!(outcome(&store, Change::Delete("user_2".to_owned())).await, "InUse");
    assert_eq!(outcome(&store, Change::Delete("user_1".to_owned())).await, "ok");
}

pub(super) async fn the_first_owner_is_one(store: SqlStore) {
    let first = |id: &str| Change::InsertFirst(Box::new(user(id, &format!("{id}@example.com"), Role::Owner)));
    let (store_a, store_b) = (store.clone(), store.clone());
    let (a, b) = tokio::join!(
        async { store_a.change_user(&first("a"), &entry("create", "a"), NOW_MS).await },
        async { store_b.change_user(&first("b"), &entry("create", "b"), NOW_MS).await },
    );
    assert!(a.is_ok() != b.is_ok(), "{a:?} {b:?}");
    assert!(matches!(a.and(b), Err(StoreError::Stale { .. })));
    assert_eq!(store.users().await.unwrap().len(), 1);
}

fn sign_in(hash: u8, user: &User, factor: Factor) -> SignIn {
    let session = SessionRow {
        hash: [hash; 32],
        user: user.id.clone(),
        epoch: user.epoch,
        created_ms: NOW_MS + u64::from(hash),
        seen_ms: NOW_MS + u64::from(hash),
        label: "Firefox".to_owned(),
    };
    SignIn { session, factor, retire_before_ms: NOW_MS }
}

async fn signs_in(store: &SqlStore, sign_in: &SignIn) -> bool {
    let before = store.audit(&AuditFilter::newest(1_000)).await.unwrap().len();
    let done = store.sign_in(sign_in, &entry("sign_in", "x"), NOW_MS).await.unwrap();
    assert_eq!(store.audit(&AuditFilter::newest(1_000)).await.unwrap().len(), before + usize::from(done));
    done
}

pub(super) async fn sessions_end_with_their_epoch(store: SqlStore) {
    let one = user("user_1", "a@example.com", Role::Viewer);
    assert!(!signs_in(&store, &sign_in(1, &one, Factor::None)).await, "nobody of that name");
    store.change_user(&insert(&one), &entry("create", "x"), NOW_MS).await.unwrap();
    for hash in [1, 2, 3] {
        assert!(signs_in(&store, &sign_in(hash, &one, Factor::None)).await);
    }
    let hashes =
        async || store.sessions("user_1").await.unwrap().iter().map(|s| s.hash[0]).collect::<Vec<_>>();
    assert_eq!(hashes().await, [3, 2, 1]);
    store.touch_session(&[1; 32], NOW_MS + 9).await.unwrap();
    store.touch_session(&[2; 32], NOW_MS).await.unwrap();
    assert_eq!(hashes().await, [1, 3, 2]);
    let (session, seen) = store.session(&[2; 32]).await.unwrap().unwrap();
    assert_eq!(
        (session, seen),
        (sign_in(2, &one, Factor::None).session, User { seen_ms: Some(NOW_MS), ..one.clone() })
    );
    store.end_session(&[2; 32]).await.unwrap();
    store.end_session(&[2; 32]).await.unwrap();
    assert_eq!((store.session(&[2; 32]).await.unwrap(), hashes().await), (None, vec![1, 3]));
    // Those that are too old go when the next one begins.
    let next = SignIn { retire_before_ms: NOW_MS + 2, ..sign_in(4, &one, Factor::None) };
    assert!(signs_in(&store, &next).await);
    assert_eq!(hashes().await, [4, 3]);
    let disabled = User { disabled: true, ..one.clone() };
    store.change_user(&update(&one, disabled.clone()), &entry("update", "x"), NOW_MS).await.unwrap();
    assert_eq!(store.session(&[3; 32]).await.unwrap(), None);
    assert!(!signs_in(&store, &sign_in(5, &one, Factor::None)).await);
    let later = User { epoch: 1, ..one.clone() };
    store.change_user(&update(&disabled, later.clone()), &entry("update", "x"), NOW_MS).await.unwrap();
    assert_eq!((store.session(&[3; 32]).await.unwrap(), hashes().await), (None, vec![]));
    assert!(!signs_in(&store, &sign_in(5, &one, Factor::None)).await);
    assert!(signs_in(&store, &sign_in(5, &later, Factor::None)).await);
    store.change_user(&Change::Delete("user_1".to_owned()), &entry("delete", "x"), NOW_MS).await.unwrap();
    assert_eq!((store.session(&[5; 32]).await.unwrap(), hashes().await), (None, vec![]));
    assert_sound(&store).await;
}

pub(super) async fn what_is_used_once(store: SqlStore) {
    let one = User {
        totp: Some(vec![1]),
        recovery: vec![[1; 32], [2; 32]],
        ..user("user_1", "a@example.com", Role::Viewer)
    };
    store.change_user(&insert(&one), &entry("create", "x"), NOW_MS).await.unwrap();
    let oidc = |subject: &str| Factor::Oidc("https://id.example".to_owned(), subject.to_owned());
    let steps = [
        (Factor::Step(100), true),
        (Factor::Step(100), false),
        (Factor::Step(99), false),
        (Factor::Step(101), true),
        (Factor::Recovery([2; 32]), true),
        (Factor::Recovery([2; 32]), false),
        (Factor::Recovery([3; 32]), false),
        (oidc("a"), true),
        (oidc("b"), false),
        (oidc("a"), true),
    ];
    for (at, (factor, expect)) in (1_u8..).zip(steps) {
        let asked = sign_in(at, &one, factor);
        assert_eq!(signs_in(&store, &asked).await, expect, "{asked:?}");
        assert_eq!(store.session(&[at; 32]).await.unwrap().is_some(), expect);
    }
    let stored = store.user("user_1").await.unwrap().unwrap();
    assert_eq!(stored.recovery, [[1; 32]]);
    assert_eq!(stored.oidc, Some(("https://id.example".to_owned(), "a".to_owned())));
}
