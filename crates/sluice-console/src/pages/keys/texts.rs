//! Texts of the pages of keys.

use crate::texts::texts;

texts! {
    pub(crate) struct T {
        title: "Keys", "密钥";
        create: "Create a key", "创建密钥";
        create_do: "Create", "创建";
        empty_title: "No keys yet", "还没有密钥";
        empty_text: "A key lets a program call the gateway, within limits and a budget of its own.", "程序凭密钥调用网关，每个密钥有自己的限额与预算。";
        empty_member: "You own no key. Ask an administrator for one.", "您名下没有密钥，请联系管理员。";
        nothing_found: "No key matches", "没有符合条件的密钥";
        nothing_found_text: "Change the filter, or clear it.", "请修改或清除筛选条件。";
        search: "Name or prefix", "名称或前缀";
        any_project: "All projects", "全部项目";
        name: "Name", "名称";
        prefix: "Begins with", "前缀";
        project: "Project", "项目";
        models: "Models", "模型";
        models_hint: "Names separated by commas; * stands for all, openai/* for all that begin so.", "用逗号分隔；* 表示全部，openai/* 表示以此开头的全部模型。";
        all_models: "all", "全部";
        limits: "Limits", "限额";
        budget: "Budget", "预算";
        expires: "Expires", "到期时间";
        expires_hint: "Empty: never.", "留空表示永不过期。";
        never: "never", "永不";
        owner: "Owner", "所有者";
        owner_hint: "Sees this key, its usage and its requests, and may rotate it.", "可查看该密钥及其用量与请求，并可轮换。";
        nobody: "nobody", "无";
        default_output: "Output tokens where a request names none", "请求未指定时的输出 token 数";
        more: "Limits, budget, expiry", "限额、预算与有效期";
        state: "State", "状态";
        active: "active", "有效";
        revoked: "revoked", "已吊销";
        expired: "expired", "已过期";
        rotating: "two secrets", "新旧并存";
        from_file: "configuration file", "配置文件";
        of_file: "This key stands in the configuration file: it is changed there.", "该密钥由配置文件定义，请在文件中修改。";
        is_revoked: "This key is revoked. It stays listed for what it has spent.", "该密钥已吊销，为保留其消费记录仍列于此处。";
        old_until: "The secret before this one works until", "旧密钥仍可使用至";
        once: "Copy the key now: it is stored as a hash only and cannot be shown again.", "请立即复制密钥：系统只保存其哈希，之后无法再次查看。";
        ready: "Ready to use", "即可使用";
        open_key: "Open the key", "查看密钥";
        try_it: "Try it in the playground", "在试验场中试用";
        rotate: "Rotate", "轮换";
        rotate_title: "Rotate the key", "轮换密钥";
        rotate_text: "A new secret is made. The one in use now goes on working for as long as you say.", "将生成新的密钥；当前密钥在所选时间内仍可使用。";
        overlap: "The old secret works for", "旧密钥继续有效";
        overlap_none: "not any longer", "立即失效";
        overlap_hour: "an hour", "1 小时";
        overlap_day: "a day", "1 天";
        overlap_week: "a week", "7 天";
        overlap_month: "thirty days", "30 天";
        revoke: "Revoke", "吊销";
        revoke_sure: "Revoke the key '{0}'? Programs that use it are refused at once. This cannot be undone.", "确定吊销密钥“{0}”？使用它的程序将立即被拒绝，且不可撤销。";
        requests: "Requests", "请求";
        playground: "Playground", "试验场";
        facts: "Facts", "详情";
        id: "Id", "标识";
        created: "Created", "创建时间";
        settings: "Settings", "设置";
        save: "Save", "保存";
        model_limits: "Limits of single models", "单个模型的限额";
        model_limits_hint: "On top of the key's own, by the model's name as callers send it.", "在密钥限额之外生效，按调用时使用的模型名称。";
        model: "Model", "模型";
        add_model: "Add a model", "添加模型";
        remove: "Remove", "移除";
    }
}
