//! The console in a browser.

mod injections;
mod itself;

mod looks;
mod rig;
mod world;
