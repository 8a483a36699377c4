//! A bound on time that catches what escapes the account of steps.

use cpu_time::ThreadTime;
use std::time::Duration;

/// The longest that a verdict may take, in processor time, with everything that the fuzzer counts on the way; it takes
/// half a millisecond without.
const LIMIT: Duration = Duration::from_millis(20);

/// Does it up to three times: the processor time of a thread comes in coarse ticks.
pub fn timely<T>(mut work: impl FnMut() -> T) -> Option<T> {
    (0..3).find_map(|_| {
        let start = ThreadTime::now();
        let result = work();
        (start.elapsed() < LIMIT).then_some(result)
    })
}
