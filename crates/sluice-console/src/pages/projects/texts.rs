//! Texts of the pages of projects.

use crate::texts::texts;

texts! {
    pub(crate) struct T {
        title: "Projects", "项目";
        list_lead: "What keys belong to, with limits and a budget for all of them.", "密钥所属的项目，及其共同的限额与预算。";
        one_lead: "One project: its keys, limits and budget.", "单个项目：密钥、限额与预算。";
    }
}
