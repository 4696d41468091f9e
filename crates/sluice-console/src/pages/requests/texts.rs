//! Texts of the pages of requests.

use crate::texts::texts;

texts! {
    /// Of both pages.
    pub(super) struct Both {
        title: "Requests", "请求";
        attempts: "{0} attempts", "尝试 {0} 次";
        repaired: "repaired", "已续接";
        repaired_hint: "The stream broke and went on with another answer.", "流中断后由另一个响应续接。";
        hedged: "hedged", "对冲";
        hedged_hint: "A slow target was raced by a second one.", "目标过慢，同时请求了第二个目标。";
        absurd: "odd count", "计数异常";
        absurd_hint: "The provider's token counts cannot be right. An estimate was charged instead.", "供应商返回的 Token 计数不可信，已改用估算值计费。";
        excess: "over reserve", "超出预留";
        excess_hint: "It cost more than was reserved. All of it was charged; a budget can be below zero by it.", "实际费用高于预留金额，已全额计费，预算可能因此变为负数。";
        unconfirmed: "unconfirmed", "未确认";
        unconfirmed_hint: "The gateway ended before anything was heard of the answer. Nothing was charged, but the provider may bill it.", "网关在得到任何响应之前终止。未计费，但供应商可能会收费。";
        estimated: "estimated", "估算";
        estimated_hint: "The provider sent no usable counts; tokens were estimated here.", "供应商未返回可用的计数，Token 数由网关估算。";
    }
}

texts! {
    /// Of the list.
    pub(super) struct List {
        search: "Request or trace id", "请求 ID 或追踪 ID";
        search_short: "At least four characters.", "至少四个字符。";
        time: "Time", "时间";
        any_time: "Any time", "不限";
        own_span: "From … to", "自定义区间";
        since_15m: "Last 15 minutes", "最近 15 分钟";
        since_1h: "Last hour", "最近 1 小时";
        since_6h: "Last 6 hours", "最近 6 小时";
        since_24h: "Last 24 hours", "最近 24 小时";
        since_7d: "Last 7 days", "最近 7 天";
        since_30d: "Last 30 days", "最近 30 天";
        status: "Status", "状态";
        any_status: "Any status", "全部";
        answered: "Answered (2xx)", "成功 (2xx)";
        failed: "Failed (4xx, 5xx)", "失败 (4xx, 5xx)";
        refused: "Refused (4xx)", "被拒绝 (4xx)";
        broken: "Server side (5xx)", "服务端错误 (5xx)";
        model: "Model", "模型";
        any: "Any", "全部";
        key: "Key", "密钥";
        project: "Project", "项目";
        provider: "Provider", "供应商";
        more: "More filters", "更多筛选";
        from: "From", "从";
        to: "To", "到";
        wrong_moment: "This is no moment.", "时间无效。";
        slower: "Took at least", "耗时至少";
        dearer: "Cost at least", "费用至少";
        tokens: "Tokens", "Token";
        cost: "Cost", "费用";
        first_token: "First token", "首字延迟";
        total: "Total", "总耗时";
        none_yet: "No requests yet", "暂无请求";
        none_yet_text: "Every request of a key is listed here a moment after its answer. Make a key, and call the API with it, or try a model in the playground.", "密钥发起的每个请求会在响应后片刻出现在这里。请先创建密钥并调用接口，或在试验场中试用模型。";
        make_key: "Create a key", "创建密钥";
        try_model: "Open the playground", "打开试验场";
        none_match: "No request matches", "没有匹配的请求";
        none_match_text: "Widen the time or take filters away. Rows are kept for a limited time; sums in the overview stay.", "请放宽时间范围或减少筛选条件。请求明细仅保留一段时间，概览中的汇总会一直保留。";
        look_on_text: "None of the requests that were looked at matches. There are older ones.", "已查找的请求中没有匹配项，还有更早的请求。";
        look_on: "Look further back", "继续向前查找";
        all_requests: "All requests", "全部请求";
        live_start: "Follow live", "实时跟踪";
        live_stop: "Stop", "停止";
        live_open: "Live: new requests appear at the top", "实时跟踪中：新请求显示在最上方";
        live_waiting: "Connecting…", "正在连接…";
        live_closed: "The stream has ended.", "实时流已断开。";
        live_missed: "Requests came too fast: {0} are not shown here.", "请求过快：有 {0} 条未在此显示。";
        live_some: "some", "若干";
        unnamed: "(none)", "（未指定）";
    }
}

texts! {
    /// Of one request.
    pub(super) struct One {
                copy_id: "Copy id", "复制 ID";
        same_trace: "Requests of this trace", "同一追踪的请求";
        what: "What happened", "经过";
        answered_once: "{0} answered with {1} at the first attempt.", "{0} 使用 {1} 一次即成功响应。";
        answered_later: "{0} answered with {1}, after {2} attempts.", "经过 {2} 次尝试，由 {0} 使用 {1} 响应。";
        answered: "It was answered.", "请求已得到响应。";
        broken: "The answer began and broke off. The caller got an error event, and is not charged.", "响应开始后中断，调用方收到错误事件，未计费。";
        broken_charged: "The answer began and broke off. The caller got an error event.", "响应开始后中断，调用方收到错误事件。";
        left: "The caller left before the end, and pays for the prompt and for what was delivered.", "调用方提前断开，按提示词及已发送的内容计费。";
        refused: "It was refused before any target was called.", "在调用任何目标之前被拒绝。";
        failed_once: "The one attempt failed, and no other target was left to try.", "唯一一次尝试失败，没有其他可用目标。";
        failed_later: "All {0} attempts failed.", "{0} 次尝试全部失败。";
        unknown: "How it ended is not known: the process died before it could be written. Its money is in the books.", "结果未知：进程在写入明细之前终止，但费用已入账。";
        hedged: "The first target was slow, so another was asked beside it; the first content won.", "首个目标响应过慢，因此同时请求了另一个目标，先返回内容者胜出。";
        repaired: "The stream broke on the way and went on with another answer that said the same so far. The caller saw one answer, and pays for one.", "流式响应中途中断，由另一个内容一致的响应续接。调用方只看到一个响应，也只付一次费用。";
        wasted: "Answers that nobody got cost {0}. The caller does not pay for them.", "无人收到的响应花费了 {0}，不由调用方承担。";
        total: "Total", "总耗时";
        queued: "{0} before the first call", "首次调用前 {0}";
        first_token: "First token", "首字延迟";
        speed: "{0} tokens / s after it", "之后 {0} Token/秒";
        tokens: "Tokens", "Token";
        in_out: "{0} in, {1} out", "输入 {0}，输出 {1}";
        cost: "Charged", "已计费";
        no_price: "The model has no price.", "该模型没有价格。";
        times: "Times", "时间线";
        times_hint: "From the arrival of the request, in the gateway's clock", "自请求到达起，以网关时钟计";
        whole: "Request", "请求";
        in_gateway: "In the gateway", "网关内";
        waiting: "To the first token", "等待首字";
        answering: "Answer", "输出";
        calling: "Call", "调用";
        no_attempts: "No target was called.", "没有调用任何目标。";
        attempts: "Attempts", "尝试";
        target: "Target", "目标";
        why: "Why", "原因";
        start: "Start", "开始";
        first: "First token", "首字";
        length: "Duration", "耗时";
        upstream_status: "Answered", "上游状态";
        end: "End", "结果";
        outcome_ok: "answered", "成功";
        outcome_failed: "failed", "失败";
        outcome_cancelled: "cancelled", "已取消";
        cancelled_hint: "Given up: another call was faster, or the caller left.", "已放弃：另一个调用更快，或调用方已断开。";
        brief_equal: "another target", "其他目标";
        brief_fallback: "fallback", "后备";
        brief_retry: "retry", "重试";
        brief_after_wait: "retry after a wait", "等待后重试";
        brief_hedge: "hedge", "对冲";
        brief_repair: "repair", "续接";
        why_first: "first choice", "首选";
        why_equal: "another target of the same model", "同模型的其他目标";
        why_fallback: "fallback", "后备目标";
        why_retry: "the same target again", "重试同一目标";
        why_after_wait: "again after the wait it asked for", "按上游要求等待后重试";
        why_hedge: "beside a slow call", "对冲请求";
        why_repair: "to go on with a broken stream", "续接中断的流";
        facts: "Facts", "详情";
        created: "Received", "接收时间";
        key: "Key", "密钥";
        project: "Project", "项目";
        model: "Model", "模型";
        answered_by: "Answered by", "响应方";
        nobody: "nobody", "无";
        mode: "Answer", "响应方式";
        as_stream: "as a stream", "流式";
        as_whole: "as a whole", "非流式";
        error: "Error", "错误";
        trace_id: "Trace id", "追踪 ID";
        prompt: "Prompt", "输入";
        cached: "of these read from the provider's cache", "其中命中缓存";
        cache_write: "of these written to the cache", "其中写入缓存";
        completion: "Answer", "输出";
        reasoning: "of these for thinking", "其中推理";
        counted: "Counted by", "计数来源";
        by_provider: "the provider", "供应商";
        by_estimate: "estimate: the provider sent no usable counts", "估算：供应商未返回可用的计数";
        by_delivery: "what was delivered, or the provider's count if it came", "按已发送的内容，若供应商返回计数则以其为准";
        by_nobody: "nothing to count", "无需计数";
        money: "Money", "费用";
        reserved: "Reserved", "预留";
        nothing_reserved: "nothing: no budget applies", "无：未设置预算";
        charged: "Charged", "已计费";
        given_back: "Given back", "退回";
        wasted_label: "Wasted", "浪费";
        of_reserve: "of {0} reserved", "预留 {0}";
        of_reserve_long: "{0} of the {1} reserved was charged", "预留 {1}，实际计费 {0}";
        price: "Price", "价格版本";
        price_set: "set on the model", "模型上设置的价格";
        price_bundled: "public list price, built in", "内置的公开价目";
        price_own: "from the price file", "来自价格文件";
        flags: "Flags", "标记";
        no_flags: "none", "无";
        raw: "As the API tells it", "API 原始数据";
    }
}
