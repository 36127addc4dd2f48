//! What an estimator makes of an anchor's negatives, in the form that the fused kernels evaluate.

use std::sync::Arc;

/// The term Ng of an estimator, for rows of a given number of negatives N; x = exp(score / t).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum NegativesTerm {
    /// The sum of x: InfoNCE.
    Sum,
    /// The sum of x, or with a hardness h `sum_j y_j x_j / mean_j y_j` with `y = x^h`; less `tau+ N x+`, divided by tau-, at
    /// least `N exp(-1/t)`: DCL and HCL.
    Debiased {
        /// Class prior, in [0, 1).
        tau_plus: f64,
        /// Exponent of the tilt; `None` for none.
        hardness: Option<f64>,
    },
    /// `sum_j omega_j x_j` with ω by rank: BCL.
    ByRank {
        /// Entry r - 1 belongs to rank r: N of them.
        omega: Arc<[f32]>,
    },
    /// `sum_j w_j x_j` with `w = x^tilt p / mean(x^tilt p)` taken as constants, p by rank: BCL's first formulation.
    Tilted {
        /// Entry r - 1 belongs to rank r: N of them.
        posterior: Arc<[f32]>,
        /// Exponent.
        tilt: f64,
    },
    /// The sum of x over true negatives, times N over their number: Oracle.
    TrueNegatives,
}
