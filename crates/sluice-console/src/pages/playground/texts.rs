//! Texts of the page `playground`.

use crate::texts::texts;

texts! {
    pub(crate) struct T {
        title: "Playground", "试验场";
        lead: "Try a model as one of your keys.", "以你的密钥试用模型。";
    }
}
