//! Which final response of a forked request its sender gets (RFC 3261 16.7 step 6).

/// Which of two final responses is better: the lower (RFC 3261 16.7 step 6). A 6xx wins; then the lower class; within
/// 4xx first those that tell the client how to succeed; 503 and our own 408 and 430 last of their class.
pub(super) const fn rank(status: u16) -> u32 {
    let within = match status {
        401 | 407 => 0,
        415 | 420 | 484 => 1,
        408 | 430 | 503 => 999,
        _ => 2 + (status % 100) as u32,
    };
    let class = if status >= 600 {
        0
    } else {
        status as u32 / 100
    };
    class * 1000 + within
}

#[cfg(test)]
mod tests {
    use super::rank;

    #[test]
    fn the_best_response_is_chosen_as_the_rfc_orders_them() {
        let mut statuses = [503, 404, 408, 603, 486, 301, 407, 500, 420];
        statuses.sort_by_key(|status| rank(*status));
        assert_eq!(statuses, [603, 301, 407, 420, 404, 486, 408, 500, 503]);
    }
}
