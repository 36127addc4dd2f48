//! Timing that can be compared: the cases take turns, so that a slow spell of the machine hits all of them,
//! and the figure is the median.

use std::time::{Duration, Instant};

/// One thing to time: a name and a closure that does it once.
pub struct Case<'a> {
    /// As in the tables.
    pub name: String,
    /// Does it once.
    pub work: Box<dyn FnMut() + 'a>,
}

impl<'a> Case<'a> {
    /// A named piece of work.
    pub fn new(name: impl Into<String>, work: impl FnMut() + 'a) -> Self {
        Self { name: name.into(), work: Box::new(work) }
    }
}

impl std::fmt::Debug for Case<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Case").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The times of one case, milliseconds.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Timing {
    /// The case.
    pub name: String,
    /// How often it was timed.
    pub runs: usize,
    /// Median.
    pub median_ms: f64,
    /// Fastest.
    pub min_ms: f64,
    /// Slowest.
    pub max_ms: f64,
}

/// Times the cases in turn after one warm-up each: at least three rounds, then until `budget` is spent.
#[must_use]
pub fn interleaved(cases: &mut [Case<'_>], budget: Duration) -> Vec<Timing> {
    for case in cases.iter_mut() {
        (case.work)();
    }
    let mut times = vec![Vec::new(); cases.len()];
    let begun = Instant::now();
    let mut rounds = 0;
    while rounds < 3 || (begun.elapsed() < budget && rounds < 10_000) {
        for (case, times) in cases.iter_mut().zip(&mut times) {
            let start = Instant::now();
            (case.work)();
            times.push(start.elapsed().as_secs_f64() * 1e3);
        }
        rounds += 1;
    }
    cases.iter().zip(times).map(|(case, times)| timing(&case.name, times)).collect()
}

fn timing(name: &str, mut times: Vec<f64>) -> Timing {
    times.sort_by(f64::total_cmp);
    let middle = times.len() / 2;
    let median = match times.len() % 2 {
        _ if times.is_empty() => f64::NAN,
        0 => (times[middle - 1] + times[middle]) / 2.0,
        _ => times[middle],
    };
    Timing {
        name: name.to_owned(),
        runs: times.len(),
        median_ms: median,
        min_ms: times.first().copied().unwrap_or(f64::NAN),
        max_ms: times.last().copied().unwrap_or(f64::NAN),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        let odd = timing("odd", vec![3.0, 1.0, 2.0]);
        assert_eq!((odd.median_ms, odd.min_ms, odd.max_ms, odd.runs), (2.0, 1.0, 3.0, 3));
        assert_eq!(timing("even", vec![4.0, 1.0, 2.0, 3.0]).median_ms, 2.5);
    }

    #[test]
    fn cases_take_turns() {
        let order = std::cell::RefCell::new(Vec::new());
        let mut cases = [
            Case::new("a", || order.borrow_mut().push('a')),
            Case::new("b", || order.borrow_mut().push('b')),
        ];
        let timings = interleaved(&mut cases, Duration::ZERO);
        assert_eq!(timings.len(), 2);
        drop(cases);
        assert_eq!(order.into_inner(), ['a', 'b', 'a', 'b', 'a', 'b', 'a', 'b']);
    }
}
