//! Texts of the page `reference`. What the document itself says is English; `chinese.rs` has it in Chinese.

use crate::texts::texts;

texts! {
    pub(crate) struct T {
        title: "API reference", "接口文档";
        document: "OpenAPI document", "OpenAPI 文档";
        contents: "Calls", "接口列表";
        search: "Search calls and fields", "搜索接口和字段";
        nothing_found: "Nothing is called that.", "没有匹配的内容。";
        section_chat: "Chat", "对话";
        section_models: "Models", "模型";
        section_admin: "Admin API", "管理接口";
        section_operation: "Operation", "运维";
        authorization: "Authorization", "认证";
        access_key: "A key of this gateway, in the header.", "在请求头中携带本网关的密钥。";
        access_admin: "The admin token, or a console session with the header x-csrf-token for changes.", "使用管理令牌；也可使用控制台会话，修改类请求另需 x-csrf-token 请求头。";
        access_admin_or_local: "The admin token, unless the listener is on loopback.", "需要管理令牌；仅监听回环地址时可省略。";
        access_everybody: "None is needed.", "无需认证。";
        parameters: "Parameters", "参数";
        body: "Request body", "请求体";
        responses: "Responses", "响应";
        errors: "Errors", "错误";
        error_body: "Every error has this body.", "所有错误都使用以下结构。";
        error_link: "The body of errors", "错误响应的结构";
        headers: "Headers", "响应头";
        required: "required", "必填";
        deprecated: "deprecated", "已弃用";
        default: "Default", "默认值";
        one_of: "One of", "可选值";
        range: "Range", "取值范围";
        characters: "{0} characters", "{0} 个字符";
        entries: "{0} entries", "{0} 项";
        at_least: "at least {0}", "至少 {0}";
        at_most: "at most {0}", "至多 {0}";
        between: "{0} to {1}", "{0} 至 {1}";
        pattern: "Pattern", "正则";
        format: "Format", "格式";
        example: "Example", "示例";
        in_path: "in the path", "路径参数";
        in_query: "in the query", "查询参数";
        in_header: "header", "请求头";
        inside: "{0} fields", "{0} 个字段";
        forms: "{0} forms", "{0} 种形式";
        see: "See {0}", "参见 {0}";
        request_example: "Request", "请求示例";
        response_example: "Response", "响应示例";
        try_it: "Try it", "试一试";
        try_sign_in: "Sign in to try it", "登录后试用";
        try_playground: "Open in the playground", "在试验场中打开";
        try_as: "As the key", "使用密钥";
        try_no_key: "There is no key to act as. Create one first.", "没有可用的密钥，请先创建。";
        try_real: "This is a real call of this gateway. What it changes is changed.", "这是对本网关的真实调用，所做更改会立即生效。";
        try_body: "Body", "请求体";
        send: "Send", "发送";
        stop: "Stop", "停止";
        not_json: "This is not JSON: {0}", "不是有效的 JSON：{0}";
        unreachable: "The gateway did not answer.", "网关没有应答。";
        stopped: "Stopped.", "已停止。";
        answer: "Answer", "应答";
    }
}
