//! The console in a browser.

mod expiry;
mod injections;
mod itself;
mod journey;
mod looks;
mod playground;
mod requests;
mod rig;
mod roles;
mod said;
mod serving;
mod tenants;
mod world;
