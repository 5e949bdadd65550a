//! Documents about users: presence (RFC 3863), who watches (RFC 3858) and where they are registered (RFC 3680).
//!
//! Functions from values to bytes and back; who may see what and when it is sent is [`crate::event`]'s business. What
//! others send is read into a bounded tree without document types and entities, and written anew, so that a watcher
//! never gets a byte of XML that was not checked here.

pub mod lists;
pub mod pidf;
pub mod reginfo;
pub mod rlmi;
pub mod winfo;
mod xml;

pub use xml::Fault;
