//! Access tokens of Microsoft Entra, by the client credentials of an application (RFC 6749, 4.4).

use sluice_providers::credential::EntraApp;

use super::{Granted, oauth};
use crate::upstream::Tls;

/// What Azure OpenAI wants to see in a token.
const SCOPE: &str = "https://cognitiveservices.azure.com/.default";

pub(super) async fn token(app: &EntraApp, tls: &Tls) -> Granted {
    let url = format!("{}/{}/oauth2/v2.0/token", app.authority.trim_end_matches('/'), app.tenant_id);
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", &app.client_id),
        ("client_secret", &app.client_secret),
        ("scope", SCOPE),
    ];
    oauth(tls, &url, &form).await
}
