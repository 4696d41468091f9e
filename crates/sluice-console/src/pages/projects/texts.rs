//! Texts of the pages of projects.

use crate::texts::texts;

texts! {
    pub(crate) struct T {
        title: "Projects", "项目";
        create: "Create a project", "创建项目";
        create_do: "Create", "创建";
        empty_title: "No projects yet", "还没有项目";
        empty_text: "A project holds keys together under common limits and one budget.", "项目将一组密钥归在共同的限额与预算之下。";
        name: "Name", "名称";
        name_hint: "It cannot be changed later.", "创建后不可更改。";
        limits: "Limits", "限额";
        budget: "Budget", "预算";
        origin: "Made in", "来源";
        from_file: "configuration file", "配置文件";
        from_here: "console or API", "控制台或接口";
        of_file: "This project stands in the configuration file: it is changed there.", "该项目由配置文件定义，请在文件中修改。";
        keys: "Keys", "密钥";
        all_keys: "All keys", "全部密钥";
        no_keys: "No key is in this project.", "该项目中没有密钥。";
        add_key: "Create a key", "创建密钥";
        state: "State", "状态";
        requests: "Requests", "请求";
        facts: "Facts", "详情";
        settings: "Settings", "设置";
        save: "Save", "保存";
        delete: "Delete", "删除";
        delete_sure: "Delete the project '{0}'? It must have no keys; what was spent stays in the books.", "确定删除项目“{0}”？其中不得有密钥；已有消费记录保留。";
    }
}
