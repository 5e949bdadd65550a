//! On which cores the processes run that are started here: a child may run where its parent may when it is made.

use std::io;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Does something, usually starting processes, on the last of the cores that this one may use, which they then stay on.
///
/// # Errors
/// The system does not say or set where this process may run.
pub(crate) fn on_one_core<T>(work: impl FnOnce() -> T) -> io::Result<T> {
    let all = sched_getaffinity(None)?;
    let mut one = CpuSet::new();
    let last = (0..CpuSet::MAX_CPU).rev().find(|cpu| all.is_set(*cpu));
    one.set(last.unwrap_or_default());
    sched_setaffinity(None, &one)?;
    let done = work();
    sched_setaffinity(None, &all)?;
    Ok(done)
}

#[cfg(test)]
mod tests {
    use std::thread::available_parallelism;

    use super::on_one_core;

    #[test]
    fn what_runs_within_has_one_core_and_what_follows_has_all_again() {
        let before = available_parallelism().expect("it is told").get();
        let within = on_one_core(|| available_parallelism().expect("it is told").get());
        assert_eq!(within.expect("it may be set"), 1);
        assert_eq!(available_parallelism().expect("it is told").get(), before);
    }
}
