//! Texts of the sign-in pages.

use crate::texts::texts;

texts! {
    pub(crate) struct T {
        title: "Sign in", "登录";
        lead: "Sign in with your e-mail and password.", "使用邮箱和密码登录。";
        link_title: "Make the first account", "创建第一个账户";
        link_lead: "This link makes the owner of this gateway.", "此链接用于创建网关的所有者。";
    }
}
