//! The pages, one folder each.

pub(crate) mod account;
pub(crate) mod audit;
pub(crate) mod health;
pub(crate) mod keys;
pub(crate) mod limits;
pub(crate) mod models;
pub(crate) mod month;
pub(crate) mod overview;
pub(crate) mod playground;
pub(crate) mod problem;
pub(crate) mod projects;
pub(crate) mod providers;
pub(crate) mod reference;
pub(crate) mod requests;
pub(crate) mod settings;
pub(crate) mod sign_in;
pub(crate) mod status;
pub(crate) mod users;
