//! Texts of the page `audit`.

use crate::texts::texts;

texts! {
    pub(super) struct T {
        title: "Audit", "审计";
        lead: "Who changed what, newest first. Entries are chained by hashes and never changed; secrets are not in them.", "谁更改了什么，最新的在前。记录以哈希链相连、不可更改，且不含任何密文。";
        actor: "Who", "操作者";
        any: "Any", "全部";
        object: "Kind", "对象类型";
        object_id: "Name or id", "名称或 ID";
        admin_token: "Admin token", "管理员令牌";
        to_word: "becomes", "变为";
        nothing: "not set", "未设置";
        yes: "yes", "是";
        no: "no", "否";
        no_change: "No field that is shown here has changed.", "所示字段均无变化。";
        fields_more: "{0} more", "另有 {0} 项";
        raw: "Before and after as JSON", "变更前后的 JSON";
        per_million: "{0} per million tokens", "{0} / 百万 Token";
        create: "created", "创建";
        update: "changed", "更改";
        delete: "deleted", "删除";
        revoke: "revoked", "吊销";
        rotate: "rotated", "轮换";
        write_off: "written off", "核销";
        invite: "invited", "邀请";
        accept_invite: "accepted the invitation of", "接受邀请";
        password: "changed the password of", "更改密码";
        set_totp: "set up codes for", "启用验证码";
        remove_totp: "took away codes of", "停用验证码";
        sign_in: "signed in", "登录";
        key: "Key", "密钥";
        project: "Project", "项目";
        provider: "Provider", "供应商";
        model: "Model", "模型";
        node: "Node", "节点";
        user: "User", "用户";
        settings: "Setting", "设置";
        none_yet: "No entry yet", "暂无记录";
        none_yet_text: "Every change of keys, projects, models, providers, users and settings is kept here, with who made it. Start by adding a provider or a key.", "对密钥、项目、模型、供应商、用户和设置的每次更改都会连同操作者记录在此。请先添加供应商或密钥。";
        none_match: "No entry matches", "没有匹配的记录";
        none_match_text: "Take filters away to see more.", "请减少筛选条件。";
        all: "All entries", "全部记录";
        to_keys: "Keys", "密钥";
        to_providers: "Providers", "供应商";
    }
}
