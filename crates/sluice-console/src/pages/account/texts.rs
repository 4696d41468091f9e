//! Texts of the page `account`.

use crate::texts::texts;

texts! {
    pub(crate) struct T {
        title: "Account", "账户";
        lead: "Your password, second factor and sessions.", "你的密码、二次验证与会话。";
    }
}
