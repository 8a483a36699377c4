//! When a request is repeated, and after how long.

use crate::rng::Seed;

/// What is done about an answer that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reaction {
    /// Ask again later.
    Retry,
    /// This request can never be answered.
    Refused,
    /// No request can: wrong address, key or model.
    Stop,
}

/// What an HTTP status means.
pub fn reaction(status: u16) -> Reaction {
    match status {
        401 | 403 | 404 | 405 => Reaction::Stop,
        408 | 409 | 425 | 429 => Reaction::Retry,
        400..=499 => Reaction::Refused,
        _ => Reaction::Retry,
    }
}

/// Seconds before attempt `attempt + 1` (counted from 1): what the server asked for, else `base` doubled every time
/// with full jitter between half and all of it (so that clients that failed together do not come back together),
/// never more than `most`.
pub fn delay(attempt: u32, base: f64, most: f64, asked: Option<f64>, jitter: Seed) -> f64 {
    let grown = base * f64::from(attempt.saturating_sub(1).min(30)).exp2();
    let random = 0.5 + 0.5 * jitter.uniform(u64::from(attempt));
    match asked {
        // Never earlier than asked; the jitter comes on top.
        Some(asked) => asked + 0.1 * base * random,
        None => grown.min(most) * random,
    }
}

/// Seconds that a `Retry-After` header asks for: a number, or a date, which is compared with the answer's own `Date`.
pub fn retry_after(value: &str, date: Option<&str>) -> Option<f64> {
    if let Ok(seconds) = value.trim().parse::<f64>() {
        return (seconds >= 0.0 && seconds.is_finite()).then_some(seconds);
    }
    Some((http_date(value)? - http_date(date?)?).max(0) as f64)
}

/// Seconds since 1970 of an HTTP date (RFC 9110, 5.6.7: `Sun, 06 Nov 1994 08:49:37 GMT`).
fn http_date(text: &str) -> Option<i64> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut parts = text.split_once(", ")?.1.split([' ', ':']);
    let day: i64 = parts.next()?.parse().ok()?;
    let month = parts.next()?;
    let month = MONTHS.iter().position(|m| *m == month)? as i64 + 1;
    let year: i64 = parts.next()?.parse().ok()?;
    let mut clock = parts.map_while(|part| part.parse::<i64>().ok());
    let seconds = clock.next()? * 3600 + clock.next()? * 60 + clock.next()?;
    // Days from civil (Howard Hinnant, "chrono-compatible low-level date algorithms"), years beginning in March.
    let y = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days =
        365 * y + y.div_euclid(4) - y.div_euclid(100) + y.div_euclid(400) + day_of_year - 719_468;
    Some(days * 86_400 + seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http_dates_are_seconds_since_1970() {
        // date -d 'Sun, 06 Nov 1994 08:49:37 GMT' +%s; date -d 'Thu, 29 Feb 2024 23:59:59 GMT' +%s
        assert_eq!(http_date("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777));
        assert_eq!(http_date("Thu, 29 Feb 2024 23:59:59 GMT"), Some(1_709_251_199));
        assert_eq!(http_date("yesterday"), None);
    }

    #[test]
    fn what_the_server_asks_for_is_the_least_that_is_waited() {
        assert_eq!(retry_after("7", None), Some(7.0));
        let (now, later) = ("Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:50:07 GMT");
        assert_eq!(retry_after(later, Some(now)), Some(30.0));
        assert_eq!(retry_after("soon", Some(now)), None);
        for attempt in 1..20 {
            let seed = Seed(u64::from(attempt));
            assert!(delay(attempt, 0.5, 60.0, Some(30.0), seed) >= 30.0);
            let free = delay(attempt, 0.5, 60.0, None, seed);
            let grown = (0.5 * 2f64.powi(attempt as i32 - 1)).min(60.0);
            assert!(free >= 0.5 * grown && free <= grown, "{attempt}: {free}");
        }
    }
}
