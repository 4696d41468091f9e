//! Texts of the pages of models.

use crate::texts::texts;

texts! {
    pub(crate) struct T {
        title: "Models", "模型";
        list_lead: "Names that callers use, and who answers for them.", "调用方使用的名称，以及由谁应答。";
        one_lead: "One model: its targets, their health, its prices.", "单个模型：目标、健康状况与价格。";
    }
}
