//! Texts of the page of a refusal.

use crate::texts::texts;

texts! {
    pub(crate) struct T {
        not_found: "There is nothing here", "这里没有内容";
        not_found_lead: "What was at this address is gone, or was never there, or is not yours to see.", "此地址的内容已不存在、从未存在，或你无权查看。";
        not_allowed: "This is not for your role", "你的角色无权访问";
        not_allowed_lead: "Ask an owner or an admin of this gateway.", "请联系网关的所有者或管理员。";
        away: "The database does not answer", "数据库没有应答";
        away_lead: "Requests of callers go on as long as they can. Try this page again in a moment.", "调用方的请求会尽可能继续处理。请稍后重试此页面。";
        other: "This page did not work", "页面出错";
        again: "Try again", "重试";
        home: "To the overview", "返回概览";
    }
}
