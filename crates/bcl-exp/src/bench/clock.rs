//! Timing that can be compared: the cases take turns, so that a slow spell of the machine hits all of them,
//! and the figure is the median.

use anyhow::{Context, Result};
use std::time::{Duration, Instant};

/// One thing to time: a name and a closure that does it once.
pub struct Case<'a> {
    /// As in the tables.
    pub name: String,
    /// Does it once.
    pub work: Box<dyn FnMut() -> Result<()> + 'a>,
}

impl<'a> Case<'a> {
    /// A named piece of work.
    pub fn new(name: impl Into<String>, work: impl FnMut() -> Result<()> + 'a) -> Self {
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

/// Rounds that every case takes part in, if one of its runs fits into the budget.
const LEAST: usize = 3;

/// Times the cases in turn after one warm-up each. Each case has its share of `budget` and leaves when it has spent it
/// and run three times; one run must do for a case that takes longer than the whole budget.
///
/// # Errors
/// When a case fails.
pub fn interleaved(cases: &mut [Case<'_>], budget: Duration) -> Result<Vec<Timing>> {
    let run = |case: &mut Case<'_>| {
        let start = Instant::now();
        (case.work)().with_context(|| case.name.clone())?;
        Ok::<_, anyhow::Error>(start.elapsed())
    };
    let allowance = budget / u32::try_from(cases.len().max(1))?;
    let mut times = vec![Vec::new(); cases.len()];
    for case in cases.iter_mut() {
        run(case)?;
    }
    let more = |times: &[Duration]| {
        let least = if times.first().is_some_and(|&time| time > budget) { 1 } else { LEAST };
        times.len() < least || (times.iter().sum::<Duration>() < allowance && times.len() < 10_000)
    };
    let mut running = true;
    while running {
        running = false;
        for (case, times) in cases.iter_mut().zip(&mut times) {
            if more(times) {
                times.push(run(case)?);
                running = true;
            }
        }
    }
    let milliseconds = |times: Vec<Duration>| times.iter().map(|time| time.as_secs_f64() * 1e3).collect();
    Ok(cases.iter().zip(times).map(|(case, times)| timing(&case.name, milliseconds(times))).collect())
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
        let note = |name: char| {
            order.borrow_mut().push(name);
            Ok(())
        };
        let mut cases = [Case::new("a", || note('a')), Case::new("b", || note('b'))];
        let timings = interleaved(&mut cases, Duration::from_nanos(1)).unwrap();
        assert_eq!(timings.len(), 2);
        drop(cases);
        assert_eq!(order.into_inner()[..4], ['a', 'b', 'a', 'b'], "a warm-up and a round");
    }
}
