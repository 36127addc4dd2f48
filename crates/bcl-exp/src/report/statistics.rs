//! Mean and standard deviation over seeds.

/// Values of several seeds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Sample {
    pub(super) count: usize,
    pub(super) mean: f64,
    /// Sample standard deviation (n - 1); `None` for one value.
    pub(super) std: Option<f64>,
}

impl Sample {
    /// `None` for no values.
    pub(super) fn new(values: &[f64]) -> Option<Self> {
        let count = values.len();
        if count == 0 {
            return None;
        }
        let mean = values.iter().sum::<f64>() / count as f64;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        Some(Self { count, mean, std: (count > 1).then(|| (squares / (count - 1) as f64).sqrt()) })
    }

    /// `74.15 ± 0.30`; without a deviation the mean alone.
    pub(super) fn text(&self, digits: usize) -> String {
        match self.std {
            Some(std) => format!("{:.digits$} ± {std:.digits$}", self.mean),
            None => format!("{:.digits$}", self.mean),
        }
    }

    /// The same with a sign, for differences.
    pub(super) fn signed(&self, digits: usize) -> String {
        match self.std {
            Some(std) => format!("{:+.digits$} ± {std:.digits$}", self.mean),
            None => format!("{:+.digits$}", self.mean),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_value_has_no_deviation() {
        assert_eq!(Sample::new(&[]), None);
        assert_eq!(Sample::new(&[3.0]).unwrap().text(1), "3.0");
        assert_eq!(Sample::new(&[1.0, 3.0]).unwrap().text(2), "2.00 ± 1.41");
        assert_eq!(Sample::new(&[-1.0, -3.0]).unwrap().signed(1), "-2.0 ± 1.4");
    }
}
