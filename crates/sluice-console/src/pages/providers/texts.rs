//! Texts of the pages of providers.

use crate::texts::texts;

texts! {
    pub(crate) struct T {
        title: "Providers", "供应商";
        list_lead: "Where requests go.", "请求的去向。";
        one_lead: "One provider: its address, its credential, its models.", "单个供应商：地址、凭据与模型。";
    }
}
