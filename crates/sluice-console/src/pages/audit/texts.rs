//! Texts of the page `audit`.

use crate::texts::texts;

texts! {
    pub(crate) struct T {
        title: "Audit", "审计";
        lead: "Who changed what, and when.", "谁在何时更改了什么。";
    }
}
