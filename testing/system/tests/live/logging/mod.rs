//! The logging agents of running machines, asked over the protocol by those who may and by those who may not.

mod access;
mod commands;
mod control;
mod drawn;
mod ground;
mod hostile;
mod kept;
mod trouble;
