//! The reverse proxy as browsers outside see it, with sites of the tests behind it.

mod hostile;
mod passing;
mod place;
