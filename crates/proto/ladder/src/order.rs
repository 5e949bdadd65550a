//! The order of rows: by the corrected clock, and on each participant's line by that one's own records.
//!
//! A message takes a place on two lines, so sorting by one time would turn the order of the other line around whenever two
//! messages cross. Rows are taken off like tasks that wait for each other: the earliest of those that no line holds back. If
//! lines contradict each other (a clock was set in between), the earliest of all is taken.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Orders rows. `times` are those of the rows, `lines` the rows of each line from above to below.
pub(crate) fn order(times: &[u64], lines: &[Vec<usize>]) -> Vec<usize> {
    let mut after: Vec<Vec<usize>> = vec![Vec::new(); times.len()];
    let mut held: Vec<usize> = vec![0; times.len()];
    for line in lines {
        for pair in line.windows(2) {
            let [before, then] = pair else { continue };
            if let (Some(after), Some(held)) = (after.get_mut(*before), held.get_mut(*then)) {
                after.push(*then);
                *held += 1;
            }
        }
    }
    let time = |row: usize| times.get(row).copied().unwrap_or_default();
    let mut all: Vec<usize> = (0..times.len()).collect();
    all.sort_by_key(|row| (time(*row), *row));
    let mut rest = all.into_iter();
    let mut free: BinaryHeap<Reverse<(u64, usize)>> = (0..times.len())
        .filter(|row| held.get(*row) == Some(&0))
        .map(|row| Reverse((time(row), row)))
        .collect();
    let mut taken = vec![false; times.len()];
    let mut out = Vec::with_capacity(times.len());
    while out.len() < times.len() {
        let next = free
            .pop()
            .map(|Reverse((_, row))| row)
            .or_else(|| rest.next());
        let Some(row) = next else { break };
        let Some(is_taken) = taken.get_mut(row).filter(|taken| !**taken) else {
            continue;
        };
        *is_taken = true;
        out.push(row);
        for then in after.get(row).into_iter().flatten() {
            if let Some(held) = held.get_mut(*then) {
                *held = held.saturating_sub(1);
                if *held == 0 {
                    free.push(Reverse((time(*then), *then)));
                }
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::order;

    #[test]
    fn each_line_keeps_its_order_and_else_time_decides() {
        // Two messages that cross: sent at 10 and 11, arriving at 20 and 19 on the other's line.
        assert_eq!(order(&[11, 10, 15], &[vec![0, 1], vec![2]]), [0, 1, 2]);
        assert_eq!(order(&[30, 10, 20], &[vec![], vec![0, 2]]), [1, 0, 2]);
    }

    #[test]
    fn lines_that_contradict_each_other_still_give_every_row_once() {
        assert_eq!(order(&[5, 3, 4], &[vec![0, 1, 2], vec![2, 0]]), [1, 2, 0]);
    }
}
