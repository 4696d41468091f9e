//! Texts of the page `settings`.

use crate::texts::texts;

texts! {
    pub(crate) struct T {
        title: "Settings", "设置";
        lead: "Every setting, and where its value comes from.", "所有设置及其来源。";
    }
}
