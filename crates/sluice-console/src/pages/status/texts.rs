//! Texts of the page `status`.

use crate::texts::texts;

texts! {
    pub(crate) struct T {
        title: "Status", "状态";
        attention: "Needs attention", "需要关注";
        all_well: "Nothing needs attention.", "一切正常。";
        since: "since", "自";
        node: "This node", "本节点";
        serving: "serving", "服务中";
        leaving: "leaving", "正在退出";
        closed: "closed", "已关闭";
        id: "Name", "名称";
        version: "Version", "版本";
        started: "Started", "启动时间";
        uptime: "Running for", "已运行";
        workers: "Workers", "工作线程";
        listen: "API", "接口地址";
        admin_listen: "Console", "控制台地址";
        tls: "TLS", "TLS";
        on: "on", "开启";
        off: "off", "关闭";
        running: "Running", "进行中";
        running_aside: "requests on this node", "本节点的请求";
        queued: "Waiting", "排队";
        limit: "at most {0} run", "最多 {0} 个同时运行";
        no_limit: "no limit of its own", "无单独上限";
        shed: "Turned away", "已拒绝";
        shed_aside: "since the start", "自启动起";
        lag: "Books behind", "记账延迟";
        lag_aside: "{0} requests not posted", "{0} 个请求未入账";
        journal: "Journal", "记账日志";
        journal_bytes: "On disk", "磁盘占用";
        journal_unread: "Not read yet", "未读取";
        records: "{0} records", "{0} 条记录";
        reservations: "Open reservations", "未结预留";
        leases: "Held of budgets", "持有的预算额度";
        database: "Database", "数据库";
        engine: "Engine", "引擎";
        schema: "Schema version", "结构版本";
        contact: "Last contact", "最近连接";
        failures: "Failures since the start", "自启动起的失败次数";
        reachable: "reachable", "可达";
        away: "away", "不可达";
        redis: "Redis", "Redis";
        not_configured: "not in use", "未使用";
        redis_nodes: "Nodes that share limits", "共享限额的节点";
        nodes: "Nodes", "节点";
        nodes_note: "Who shares the database, and what each holds of budgets", "共享数据库的节点及其持有的预算额度";
        state: "State", "状态";
        alive: "alive", "在线";
        silent: "silent", "无响应";
        seen: "Last seen", "最近出现";
        held: "Holds", "持有";
        this_one: "this one", "本节点";
        write_off: "Write off", "核销";
        write_off_sure: "Write off the node '{0}'? What it holds of budgets is given back. Only for a node that will not come back.", "确定核销节点“{0}”？其持有的预算额度将被归还。仅用于不会恢复的节点。";
        reload: "Reload", "刷新";
    }
}
