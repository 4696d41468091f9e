//! Gateways that share a PostgreSQL.

use sluice_testkit::{
    process::{Gateway, Launch},
    services::Postgres,
};

use super::{SERVER, books::Books};
use crate::rig::launch;

/// Nodes of one cluster share it.
const MASTER_KEY: &str = "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20";

/// A server, and what nodes need to share it.
pub(crate) struct Cluster {
    pub(crate) postgres: Postgres,
    url: String,
    config: String,
}

impl Cluster {
    /// Nodes have `config` beside their directory and their database.
    pub(crate) fn start(config: &str) -> Self {
        let postgres = Postgres::start();
        let url = postgres.database();
        Self { postgres, url, config: config.to_owned() }
    }

    /// One more node: a directory of its own, nothing started.
    pub(crate) fn node(&self) -> Launch {
        let config = format!("{SERVER}[database]\nurl = \"{}\"\n{}", self.url, self.config);
        launch().config(&config).env("SLUICEGATE_MASTER_KEY", MASTER_KEY)
    }

    /// `count` nodes that run.
    pub(crate) async fn serve(&self, count: usize) -> Vec<Gateway> {
        let mut nodes = Vec::new();
        for _ in 0..count {
            nodes.push(self.node().serve().await);
        }
        nodes
    }

    pub(super) async fn books(&self) -> Books {
        Books::shared(&self.url).await
    }

    /// Runs a statement in the database.
    pub(super) fn sql(&self, statement: &str) {
        let name = self.url.rsplit('/').next().expect("a name");
        self.postgres.sql(name, statement);
    }
}

/// Ends nodes as an operator does.
pub(crate) async fn end(nodes: Vec<Gateway>) {
    for mut node in nodes {
        node.terminate();
        assert!(node.ended().await.success());
    }
}
