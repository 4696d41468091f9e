//! One's own account: password, one-time codes, sessions.

use ring::hmac;
use serde_json::json;

use super::{Browser, PASSWORD, with_owner};

const NEW: &str = "another password of length";

/// The code of now, by RFC 6238, from a secret in base 32.
fn code_of(secret: &str, steps_ahead: u64) -> String {
    let mut bits = secret.bytes().flat_map(|digit| {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            _ => digit - b'2' + 26,
        };
        (0..5).rev().map(move |at| value >> at & 1)
    });
    let mut bytes = Vec::new();
    while let (8, byte) = bits.by_ref().take(8).fold((0, 0_u8), |(n, byte), bit| (n + 1, byte << 1 | bit)) {
        bytes.push(byte);
    }
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let step = now / 30 + steps_ahead;
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &bytes), &step.to_be_bytes());
    let tag = tag.as_ref();
    let at = usize::from(tag[19] & 15);
    let number = u32::from_be_bytes(tag[at..at + 4].try_into().unwrap()) & 0x7fff_ffff;
    format!("{:06}", number % 1_000_000)
}

fn hidden<'a>(page: &'a str, name: &str) -> &'a str {
    let (_, after) =
        page.split_once(&format!("name=\"{name}\" value=\"")).unwrap_or_else(|| panic!("{page}"));
    after.split('"').next().unwrap()
}

#[tokio::test]
async fn a_new_password_ends_all_other_sessions() {
    let (gateway, mut owner, _) = with_owner().await;
    let mut other = Browser::new(&gateway);
    assert_eq!(other.sign_in("owner@example.com", PASSWORD).await, 303);
    for (current, new, status) in [("wrong", NEW, 401), (PASSWORD, "short", 400)] {
        let fields = [("current_password", current), ("new_password", new)];
        assert_eq!(owner.form("/account/password", &fields).await.0.status, status);
    }
    assert!(other.is_in().await);
    let before = owner.clone();
    let fields = [("current_password", PASSWORD), ("new_password", NEW)];
    let (head, _) = owner.form("/account/password", &fields).await;
    assert_eq!((head.status, head.header("location")), (303, Some("/account?done=password")));
    assert_ne!(owner.cookie, before.cookie);
    assert!(owner.is_in().await && !other.is_in().await && !before.is_in().await);
    assert_eq!(owner.get("/account?done=password").await.0.status, 200);
    assert_eq!(other.sign_in("owner@example.com", PASSWORD).await, 401);
    assert_eq!(other.sign_in("owner@example.com", NEW).await, 303);
    owner.learn_csrf().await;
    let (head, _) = owner.form("/account/sessions/end", &[]).await;
    assert_eq!(head.status, 303);
    assert!(owner.is_in().await && !other.is_in().await);
}

#[tokio::test]
async fn a_second_factor_is_asked_for_and_used_once() {
    let (gateway, mut owner, admin) = with_owner().await;
    let (_, page) = owner.form("/account/totp", &[]).await;
    let secret = page.text().split("<code>").nth(1).unwrap().split('<').next().unwrap().to_owned();
    let pending = hidden(page.text(), "pending").to_owned();
    assert_eq!(secret.len(), 32);
    let confirm = async |owner: &mut Browser, code: &str, password: &str| {
        let fields = [("pending", pending.as_str()), ("code", code), ("current_password", password)];
        owner.form("/account/totp/confirm", &fields).await
    };
    assert_eq!(confirm(&mut owner, "000000", PASSWORD).await.0.status, 400);
    assert_eq!(confirm(&mut owner, &code_of(&secret, 0), "wrong").await.0.status, 401);
    // Nothing is set up until both are right.
    let mut plain = Browser::new(&gateway);
    assert_eq!(plain.sign_in("owner@example.com", PASSWORD).await, 303);
    let (head, page) = confirm(&mut owner, &code_of(&secret, 0), PASSWORD).await;
    assert_eq!(head.status, 200);
    let codes: Vec<String> =
        page.text().split("<code>").skip(1).map(|rest| rest.split('<').next().unwrap().to_owned()).collect();
    assert_eq!(codes.len(), 10, "{}", page.text());
    assert!(owner.is_in().await && !plain.is_in().await);
    // The password alone does not let in.
    let mut browser = Browser::new(&gateway);
    let fields = [("email", "owner@example.com"), ("password", PASSWORD), ("next", "/keys")];
    let (head, page) = browser.form("/sign-in", &fields).await;
    assert_eq!((head.status, head.header("set-cookie")), (200, None));
    let pending = hidden(page.text(), "pending").to_owned();
    let mut enter = async |pending: &str, code: &str| {
        let fields = [("pending", pending), ("code", code), ("next", "/keys")];
        browser.form("/sign-in/code", &fields).await
    };
    assert_eq!(enter(&pending, "123456").await.0.status, 401);
    assert_eq!(enter("00ff", &code_of(&secret, 1)).await.0.status, 401);
    let code = code_of(&secret, 1);
    let (head, _) = enter(&pending, &code).await;
    assert_eq!((head.status, head.header("location")), (303, Some("/keys")));
    // What was used is used: the code, those before it, and a recovery code.
    assert_eq!(enter(&pending, &code).await.0.status, 401);
    assert_eq!(enter(&pending, &codes[3].to_uppercase()).await.0.status, 303);
    let session = owner.get("/admin/v1/session").await.1.json();
    assert_eq!(
        (&session["user"]["has_totp"], &session["user"]["recovery_codes_left"]),
        (&json!(true), &json!(9))
    );
    // Nobody else reads any of it.
    let id = session["user"]["id"].as_str().unwrap();
    let shown = admin.get(&format!("/admin/v1/users/{id}")).await.to_string()
        + &admin.get("/admin/v1/audit").await.to_string();
    for hidden in [secret.as_str(), &codes[0], PASSWORD, "argon2id"] {
        assert!(!shown.contains(hidden), "{hidden}");
    }
    owner.learn_csrf().await;
    assert_eq!(owner.form("/account/totp/remove", &[("current_password", "wrong")]).await.0.status, 401);
    assert_eq!(owner.form("/account/totp/remove", &[("current_password", PASSWORD)]).await.0.status, 303);
    assert_eq!(Browser::new(&gateway).sign_in("owner@example.com", PASSWORD).await, 303);
}
