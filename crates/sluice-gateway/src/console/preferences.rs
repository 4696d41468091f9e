//! `POST /preferences`: the switches of language and theme. They are cookies; nobody's state changes.

use http::{HeaderValue, Response, header::SET_COOKIE};
use sluice_console::{Language, Theme};

use super::{local_path, see_other};
use crate::{ids::Ids, reply::ReplyBody};

pub(super) const LANGUAGE: &str = "sluicegate_language";
pub(super) const THEME: &str = "sluicegate_theme";
/// Set by the console's script.
pub(super) const ZONE: &str = "sluicegate_zone";
/// How long they are kept.
const YEAR_S: u32 = 31_536_000;

/// Back to where the switch was.
pub(super) fn reply(ids: &Ids, pairs: &[(String, String)]) -> Response<ReplyBody> {
    let field = |name: &str| pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    let mut response = see_other(ids, local_path(field("back").unwrap_or("/")));
    let language = field("language").and_then(Language::of_tag).map(|language| (LANGUAGE, language.tag()));
    let theme = field("theme").and_then(Theme::of).map(|theme| (THEME, theme.word()));
    for (name, value) in language.into_iter().chain(theme) {
        let cookie = format!("{name}={value}; Path=/; Max-Age={YEAR_S}; SameSite=Lax");
        if let Ok(cookie) = HeaderValue::from_str(&cookie) {
            response.headers_mut().append(SET_COOKIE, cookie);
        }
    }
    response
}
