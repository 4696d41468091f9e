//! Texts of the pages of users.

use crate::texts::texts;

texts! {
    pub(crate) struct T {
        title: "Users", "用户";
        list_lead: "Who may come in, and what they may do.", "谁可以登录，以及可以做什么。";
        one_lead: "One user: role, projects, sessions.", "单个用户：角色、项目与会话。";
    }
}
