//! What a process asks of the operating system for itself.

use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the bound on open files as far as the account may, and returns it; `None` means without bound.
///
/// Each connection is an open file, and the usual soft bound of 1024 is there for programs that use `select`.
pub fn raise_open_files() -> Option<u64> {
    let Rlimit { maximum, current } = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: maximum,
        maximum,
    };
    if setrlimit(Resource::Nofile, raised).is_ok() {
        maximum
    } else {
        current
    }
}

/// Leaves the session of the terminal, so that its end is not the end of this process.
///
/// # Errors
/// When the process leads a group of that session.
pub fn leave_session() -> io::Result<()> {
    rustix::process::setsid()?;
    Ok(())
}
