//! Texts of the page `status`.

use crate::texts::texts;

texts! {
    pub(crate) struct T {
        title: "Status", "状态";
        lead: "Nodes, journal, leases, database, and the health of targets.", "节点、日志、租约、数据库与目标的健康状况。";
    }
}
