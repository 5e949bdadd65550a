//! The order in which servers of SRV records are tried (RFC 2782).

use super::Record;
use base::random::Random;

/// Returns host and port of each server: by priority, and among equals by chance in the ratio of their weights.
pub(super) fn by_weight(records: Vec<Record>, random: &mut Random) -> Vec<(String, u16)> {
    let mut servers: Vec<(u16, u16, String, u16)> = records
        .into_iter()
        .filter_map(|record| match record {
            Record::Srv {
                priority,
                weight,
                port,
                target,
            } if !target.is_empty() => Some((priority, weight, target, port)),
            Record::Srv { .. } | Record::Naptr { .. } | Record::Address(_) => None,
        })
        .collect();
    // Those of no weight first within their priority, as the RFC has it; the rest makes the order independent of the
    // order in which the records came.
    servers.sort();
    let mut ordered = Vec::with_capacity(servers.len());
    while let Some(first) = servers.first().map(|server| server.0) {
        let equals = servers.iter().take_while(|server| server.0 == first);
        let sum: usize = equals.map(|server| usize::from(server.1)).sum();
        let chosen = random.below(sum + 1);
        let mut running = 0;
        let at = servers
            .iter()
            .position(|server| {
                running += usize::from(server.1);
                running >= chosen
            })
            .unwrap_or(0);
        let (_, _, target, port) = servers.remove(at);
        ordered.push((target, port));
    }
    ordered
}
