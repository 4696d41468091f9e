//! Texts of the pages of keys.

use crate::texts::texts;

texts! {
    pub(crate) struct T {
        title: "Keys", "密钥";
        list_lead: "Who may call, within which limits and budget.", "谁可以调用，以及限额与预算。";
        one_lead: "One key: its limits, its budget, its requests.", "单个密钥：限额、预算与请求。";
    }
}
