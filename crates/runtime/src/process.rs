//! What a process asks of the operating system for itself.

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
