//! The reverse proxy as browsers outside see it, with sites of the tests behind it.

mod chain;
mod hostile;
mod passing;
mod place;
