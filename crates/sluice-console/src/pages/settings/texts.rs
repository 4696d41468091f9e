//! Texts of the page `settings`.

use crate::texts::texts;

texts! {
    pub(crate) struct T {
        title: "Settings", "设置";
        lead: "Every setting that acts on this node. What the configuration file, the environment or the command line names is changed there; a change of the file acts at SIGHUP, except where a restart is asked for.", "本节点生效的全部设置。由配置文件、环境变量或命令行指定的设置须在原处修改；修改文件后发送 SIGHUP 即可生效，标注需重启的除外。";
        here: "Set here", "在此设置";
        here_note: "Acts at once, on every node", "立即在所有节点生效";
        fixed: "Named in the configuration file: it is changed there.", "已由配置文件指定，请在文件中修改。";
        save: "Save", "保存";
        usual: "as usual: {0}", "默认：{0}";
        on: "on", "开启";
        off: "off", "关闭";
        request_rows_days: "Days that requests are kept", "请求明细保留天数";
        sandbox_enabled: "Built-in sandbox", "内置沙箱";
        display_currency: "Display currency", "显示货币";
        display_currency_hint: "Money is kept in US dollars and shown in this currency. Empty: US dollars.", "金额以美元记账，按此货币显示；留空则显示美元。";
        currency_code: "Currency", "货币代码";
        currency_rate: "One US dollar is", "1 美元等于";
        default_language: "Language where a browser asks for none", "浏览器未指定时的语言";
        find: "Find", "查找";
        show: "Show", "显示";
        show_all: "all", "全部";
        show_set: "those that are set", "已设置的";
        show_restart: "those that take a restart", "需重启的";
        nothing_found: "No setting matches", "没有符合条件的设置";
        nothing_found_text: "Change the words, or clear them.", "请修改或清除查找条件。";
        name: "Setting", "设置项";
        value: "Value", "值";
        usual_value: "Default", "默认值";
        source: "From", "来源";
        by_default: "default", "默认";
        from_file: "configuration file", "配置文件";
        from_environment: "environment", "环境变量";
        from_command_line: "command line", "命令行";
        from_console: "console", "控制台";
        secret_set: "set, never shown", "已设置，不显示";
        secret_unset: "not set", "未设置";
        restart: "takes a restart", "需重启";
        console: "Console", "控制台";
    }
}
