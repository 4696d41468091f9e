//! Texts of the overview.

use crate::texts::texts;

texts! {
    pub(crate) struct T {
        title: "Overview", "概览";
        range: "Time range", "时间范围";
        range_day: "24 hours", "24 小时";
        range_week: "7 days", "7 天";
        range_month: "30 days", "30 天";
        range_quarter: "90 days", "90 天";
        from: "From", "从";
        to: "To", "到";
        by: "By", "分组";
        by_model: "Model", "模型";
        by_key: "Key", "密钥";
        by_project: "Project", "项目";
        by_provider: "Provider", "供应商";
        requests: "Requests", "请求数";
        errors: "Errors", "错误";
        tokens: "Tokens", "Token 用量";
        tokens_aside: "{0} in, {1} out", "输入 {0}，输出 {1}";
        spend: "Spend", "花费";
        first_token: "First token", "首字延迟";
        total_time: "Total time", "总耗时";
        p95: "p95 {0}", "p95 {0}";
        no_times: "no answers were timed", "暂无计时数据";
        not_together: "Times are not kept for this choice of filters.", "此筛选组合没有延迟数据。";
        before_more: "+{0} vs. before", "较上期 +{0}";
        before_less: "−{0} vs. before", "较上期 −{0}";
        before_same: "as before", "与上期持平";
        before_none: "none before", "上期为零";
        of_requests: "{0} of requests", "占请求的 {0}";
        cached: "Cached", "缓存命中";
        input: "Input", "输入";
        output: "Output", "输出";
        share: "Share", "占比";
        others: "Others", "其他";
        nobody: "none", "无";
        only: "Only {0}: {1}", "仅 {0}：{1}";
        without: "Show all", "显示全部";
        table: "Usage", "用量";
        quiet_title: "No requests in this time", "该时段没有请求";
        quiet_text: "As soon as programs call the API, their requests, tokens and spend stand here.", "程序开始调用接口后，这里会显示请求数、Token 用量与花费。";
        open_playground: "Open the playground", "打开试验场";
        longer: "Look at 30 days", "查看最近 30 天";
        attention: "Needs attention", "需要关注";
        all_well: "Nothing needs attention.", "一切正常。";
        status_more: "Status", "状态";
        since: "since", "自";
        breaker_open: "Target is not called", "目标已熔断";
        budget_near: "Budget near its end", "预算即将用尽";
        provider_failing: "Provider fails", "供应商频繁失败";
        journal_lag: "Books are behind", "账目入库滞后";
        database_away: "Database away", "数据库无应答";
        redis_away: "Redis away", "Redis 无应答";
        node_closed: "Node takes no requests", "节点停止接收请求";
        node_silent: "Node is silent", "节点失联";
        file_refused: "Configuration file refused", "配置文件未被采用";
        key_expiring: "Key ends soon", "密钥即将过期";
        model_unpriced: "Model without a price", "模型未定价";
        something: "Look at this", "请查看";
        guide: "From here to the first answer", "从这里到第一次应答";
        guide_provider: "Connect a provider", "接入供应商";
        guide_provider_text: "Where requests go: its address, a key of yours, and a first model to offer.", "请求的去向：地址、你的密钥，以及首个要提供的模型。";
        guide_model: "Offer a model", "提供模型";
        guide_model_text: "A name that callers use, and the targets that answer for it.", "调用方使用的名称，以及应答它的目标。";
        guide_key: "Create a key", "创建密钥";
        guide_key_text: "A key lets a program call the API. Limits and a budget can come later.", "程序凭密钥调用接口，限额与预算可稍后设置。";
        guide_key_name: "first key", "第一个密钥";
        guide_key_once: "This is the key. It is shown this once.", "这是密钥，仅显示这一次。";
        guide_prompt: "Ask something", "提出第一个问题";
        guide_prompt_text: "In the playground, or from a program with the base URL {0}", "在试验场中，或在程序中使用接口地址 {0}";
    }
}
