//! Texts of the page `overview`.

use crate::texts::texts;

texts! {
    pub(crate) struct T {
        title: "Overview", "概览";
        lead: "What goes through, what it costs, and what needs attention.", "流量、花费与需要关注的事项。";
    }
}
