//! The console in a browser.

mod expiry;
mod history;
mod injections;
mod itself;
mod journey;
mod keyboard;
mod looks;
mod pictures;
mod playground;
mod requests;
mod rig;
mod roles;
mod said;
mod serving;
mod tenants;
mod world;
