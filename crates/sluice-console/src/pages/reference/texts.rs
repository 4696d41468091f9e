//! Texts of the page `reference`.

use crate::texts::texts;

texts! {
    pub(crate) struct T {
        title: "API reference", "接口文档";
        lead: "Every call of the API, to read and to try.", "接口的全部调用，可阅读也可试用。";
    }
}
