//! Texts of the pages of users.

use crate::texts::texts;

texts! {
    pub(crate) struct T {
        title: "Users", "用户";
        create: "Add a user", "添加用户";
        create_do: "Add", "添加";
        empty_title: "No users yet", "还没有用户";
        empty_text: "People who sign in to this console, each with a role.", "登录本控制台的人员，每人一个角色。";
        email: "E-mail", "邮箱";
        role: "Role", "角色";
        role_owner: "Owner: everything", "所有者：全部权限";
        role_admin: "Admin: keys, models, providers", "管理员：密钥、模型、供应商";
        role_billing: "Billing: reads, sets budgets", "财务：查看并设置预算";
        role_viewer: "Viewer: reads", "观察者：只读";
        role_member: "Member: own keys only", "成员：仅自己的密钥";
        projects: "Projects", "项目";
        projects_hint: "Where the role holds. Owners have all; members see their own keys only.", "角色的适用范围。所有者涵盖全部项目；成员只能看到自己的密钥。";
        all_projects: "all projects", "全部项目";
        own_keys: "own keys", "自己的密钥";
        password: "Password", "密码";
        password_hint: "Leave it empty: you get a link with which they set one.", "留空则生成邀请链接，由对方自行设置。";
        state: "State", "状态";
        active: "active", "正常";
        disabled: "disabled", "已停用";
        invited: "invited", "已邀请";
        no_password: "no password", "未设密码";
        totp: "Second factor", "两步验证";
        totp_on: "on", "已启用";
        totp_off: "off", "未启用";
        last_seen: "Last seen", "最近访问";
        never: "never", "从未";
        link_title: "Invitation link", "邀请链接";
        link_once: "Send this link to them: it sets a password, works once, and is not shown again.", "请将此链接发给对方：用于设置密码，仅能使用一次，且不再显示。";
        facts: "Facts", "详情";
        id: "Id", "标识";
        created: "Created", "创建时间";
        invite_until: "Invitation until", "邀请有效期至";
        keys: "Keys of theirs", "名下密钥";
        no_keys: "They own no key.", "名下没有密钥。";
        settings: "Settings", "设置";
        new_password: "New password", "新密码";
        new_password_hint: "Empty: it stays as it is. A new one ends all sessions.", "留空则不变；更改后所有会话立即结束。";
        disable: "Cannot sign in", "禁止登录";
        disable_hint: "Ends all sessions at once.", "所有会话立即结束。";
        save: "Save", "保存";
        invite: "New invitation link", "新的邀请链接";
        delete: "Delete", "删除";
        delete_sure: "Delete the user '{0}'? Their keys stay.", "确定删除用户“{0}”？其密钥将保留。";
        is_you: "This is you.", "这是您自己。";
        account: "Your account", "我的账户";
    }
}
