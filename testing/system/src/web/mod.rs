//! The web around the product: a browser of another maker ([`curl`]), and a site of a test's own behind it ([`backend`]).

pub mod backend;
pub mod curl;
