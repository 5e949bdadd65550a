//! What the log costs: batches made durable per second, and the time to open a log with a million records.
//!
//! Wall-clock figures of a disk; they say something about the machine they were taken on and gate nothing.
//! `TMPDIR` chooses the disk.

use std::collections::HashMap;
use std::io::{self, Write as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use store::{Index, Log, Options, Unreadable, View};

const RECORD: usize = 300;
const KEYS: u64 = 1_000_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    for bytes in [RECORD, 100 * RECORD] {
        bare(bytes)?;
    }
    for (batch, batches) in [(1, 20_000), (100, 10_000), (1000, 1000)] {
        one_after_another(batch, batches)?;
    }
    many_in_flight(1_000_000)?;
    restart()
}

/// What the disk does without us: a write and an fdatasync at the end of a file.
fn bare(bytes: usize) -> io::Result<()> {
    let mut file = tempfile::tempfile()?;
    let block = vec![0x5a; bytes];
    let begin = Instant::now();
    for _ in 0..2000 {
        file.write_all(&block)?;
        file.sync_data()?;
    }
    report(
        &format!("bare writes of {bytes} bytes"),
        2000,
        begin.elapsed(),
        "",
    );
    Ok(())
}

/// Every batch is durable before the next is sent.
fn one_after_another(batch: u64, batches: u64) -> Result<(), Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir()?;
    let (log, _) = Log::open(dir.path(), Options::default(), Arc::new(Latest::default()))?;
    let mut waits = Vec::new();
    let begin = Instant::now();
    for number in 0..batches {
        let records = (0..batch)
            .map(|record| record_of((number * batch + record) % KEYS))
            .collect();
        let sent = Instant::now();
        log.append_and_wait(records)?;
        waits.push(sent.elapsed());
    }
    let took = begin.elapsed();
    waits.sort_unstable();
    let slow = waits
        .get(waits.len() * 99 / 100)
        .copied()
        .unwrap_or_default();
    report(
        &format!("batches of {batch}, one after another"),
        batch * batches,
        took,
        &format!("p99 {slow:?}"),
    );
    Ok(())
}

/// Single records from one thread, as fast as the queue takes them.
fn many_in_flight(records: u64) -> Result<(), Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir()?;
    let (log, _) = Log::open(dir.path(), Options::default(), Arc::new(Latest::default()))?;
    let begin = Instant::now();
    for number in 0..records {
        log.append(vec![record_of(number % KEYS)], drop);
        // Never more in flight than the queue can hold.
        if number % 4096 == 0 {
            log.append_and_wait(Vec::new())?;
        }
    }
    drop(log);
    let took = begin.elapsed();
    report("single records, 4096 in flight", records, took, "");
    Ok(())
}

/// A million keys: from segments alone, and from a snapshot.
fn restart() -> Result<(), Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir()?;
    let options = Options {
        compact_min_bytes: u64::MAX,
        ..Options::default()
    };
    let (log, _) = Log::open(dir.path(), options, Arc::new(Latest::default()))?;
    for number in 0..KEYS / 1000 {
        log.append_and_wait(
            (0..1000)
                .map(|record| record_of(number * 1000 + record))
                .collect(),
        )?;
    }
    drop(log);
    let begin = Instant::now();
    let (log, found) = Log::open(dir.path(), options, Arc::new(Latest::default()))?;
    report("open from segments", found.replayed, begin.elapsed(), "");
    let begin = Instant::now();
    log.compact()?;
    report("write a snapshot", KEYS, begin.elapsed(), "");
    drop(log);
    let begin = Instant::now();
    let (_log, found) = Log::open(dir.path(), options, Arc::new(Latest::default()))?;
    report(
        "open from a snapshot",
        found.from_snapshot,
        begin.elapsed(),
        "",
    );
    Ok(())
}

#[expect(
    clippy::print_stdout,
    reason = "the figures are what the program is for"
)]
fn report(what: &str, records: u64, took: Duration, more: &str) {
    println!(
        "{what:<40} {records:>9} records {:>10.0}/s in {took:.2?} {more}",
        records as f64 / took.as_secs_f64()
    );
}

fn record_of(key: u64) -> Bytes {
    let mut record = vec![0x5a; RECORD];
    for (to, from) in record.iter_mut().zip(key.to_le_bytes()) {
        *to = from;
    }
    record.into()
}

/// The newest record of each key.
#[derive(Default)]
struct Latest(Mutex<HashMap<[u8; 8], Bytes>>);

impl View for Latest {
    fn restore(
        &self,
        _index: Index,
        records: &mut dyn Iterator<Item = Bytes>,
    ) -> Result<(), Unreadable> {
        let mut map = HashMap::new();
        for record in records {
            map.insert(
                *record.first_chunk().ok_or(Unreadable)?,
                Bytes::copy_from_slice(&record),
            );
        }
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = map;
        Ok(())
    }

    fn apply(&self, _index: Index, record: &[u8]) -> Result<(), Unreadable> {
        let key = *record.first_chunk().ok_or(Unreadable)?;
        let mut map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        map.insert(key, Bytes::copy_from_slice(record));
        Ok(())
    }

    fn dump(&self, out: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .values()
            .try_for_each(|record| out(record))
    }
}
