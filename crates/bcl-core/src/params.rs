//! Parameters as types that hold only values in range: a function that takes one need not check it.

use crate::error::{Error, Result};

macro_rules! parameter {
    ($(#[$doc:meta])* $name:ident, $symbol:literal, $range:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
        pub struct $name(f64);

        impl $name {
            /// Checks the value.
            ///
            /// # Errors
            #[doc = concat!("When it is not ", $range, "; NaN never is.")]
            pub fn new(value: f64) -> Result<Self> {
                let in_range: fn(f64) -> bool = $check;
                if in_range(value) {
                    Ok(Self(value))
                } else {
                    Err(Error::Parameter { name: $symbol, expected: $range, got: value })
                }
            }

            /// The value.
            #[must_use]
            pub const fn get(self) -> f64 {
                self.0
            }
        }
    };
}

parameter!(
    /// Temperature t > 0: scores are divided by it before the exponential.
    Temperature, "temperature", "a finite number > 0", |t| t.is_finite() && t > 0.0
);

parameter!(
    /// Class prior tau+ in [0, 1): the probability that an unlabeled sample shares the anchor's class.
    ClassPrior, "tau_plus", "a number in [0, 1)", |p| (0.0..1.0).contains(&p)
);

parameter!(
    /// Location alpha in [0.5, 1]: the probability that a positive scores above a negative. 0.5 debiases nothing.
    Location, "alpha", "a number in [0.5, 1]", |a| (0.5..=1.0).contains(&a)
);

parameter!(
    /// Concentration beta in [0, 1]: the share of the hard component in the target density. 0.5 leaves the true
    /// negatives as they are, above it hard ones weigh more.
    Concentration, "beta", "a number in [0, 1]", |b| (0.0..=1.0).contains(&b)
);

parameter!(
    /// Hardness exponent of HCL, at least 0: negatives are tilted by x^beta. Another thing than [`Concentration`].
    HclBeta, "hcl_beta", "a finite number >= 0", |b| b.is_finite() && b >= 0.0
);

parameter!(
    /// Exponent of the first, von Mises-Fisher-like formulation of BCL, at least 0.
    Tilt, "beta (vmf formulation)", "a finite number >= 0", |b| b.is_finite() && b >= 0.0
);

impl Location {
    /// 0.5: debiases nothing.
    pub const LOWEST: Self = Self(0.5);
}

impl Default for Temperature {
    /// 0.5, as published.
    fn default() -> Self {
        Self(0.5)
    }
}

impl Default for ClassPrior {
    /// 0.1, as published for every data set; 1 / classes is the better choice where it is known.
    fn default() -> Self {
        Self(0.1)
    }
}

impl Default for HclBeta {
    /// 1.
    fn default() -> Self {
        Self(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_closed_where_they_should_be_and_nan_is_nowhere() {
        assert!(Location::new(0.5).is_ok() && Location::new(1.0).is_ok());
        assert!(ClassPrior::new(0.0).is_ok() && ClassPrior::new(1.0).is_err());
        assert!(Concentration::new(0.0).is_ok() && Concentration::new(1.0).is_ok());
        assert!(Temperature::new(0.0).is_err() && Temperature::new(f64::INFINITY).is_err());
        for bad in [f64::NAN, -0.1, f64::NEG_INFINITY] {
            assert!(Location::new(bad).is_err());
            assert!(ClassPrior::new(bad).is_err());
            assert!(Concentration::new(bad).is_err());
            assert!(Temperature::new(bad).is_err());
            assert!(HclBeta::new(bad).is_err());
            assert!(Tilt::new(bad).is_err());
        }
        let message = Location::new(0.3).unwrap_err().to_string();
        assert_eq!(message, "alpha: expected a number in [0.5, 1], got 0.3");
    }
}
