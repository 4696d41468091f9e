//! Texts of the pages of requests.

use crate::texts::texts;

texts! {
    pub(crate) struct T {
        title: "Requests", "请求";
        list_lead: "Requests, newest first: to filter, to search, to follow as they come.", "最新的请求：可筛选、搜索、实时查看。";
        one_lead: "One request: its route, its attempts and its money.", "单个请求：路由、尝试与费用。";
    }
}
