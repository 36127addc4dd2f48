//! Initial values from streams named by (seed, parameter): the same on every device and in every order.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use sha2::{Digest, Sha256};

/// How a parameter begins.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Init {
    /// All of one value.
    Constant(f32),
    /// Normal with this standard deviation.
    Normal(f64),
    /// Uniform in plus or minus this.
    Uniform(f64),
}

impl Init {
    /// `count` values.
    pub(crate) fn values(self, seed: u64, name: &str, count: usize) -> Vec<f32> {
        let mut hash = Sha256::new();
        hash.update(seed.to_le_bytes());
        hash.update(name.as_bytes());
        let mut random = ChaCha8Rng::from_seed(hash.finalize().into());
        // In (0, 1): a logarithm is taken of it.
        let mut unit = move || ((random.next_u64() >> 11) as f64 + 0.5) / (1u64 << 53) as f64;
        match self {
            Self::Constant(value) => vec![value; count],
            Self::Uniform(bound) => (0..count).map(|_| (bound * (2.0 * unit() - 1.0)) as f32).collect(),
            Self::Normal(std) => (0..count)
                .map(|_| {
                    // Box-Muller.
                    let (radius, angle) = ((-2.0 * unit().ln()).sqrt(), std::f64::consts::TAU * unit());
                    (std * radius * angle.cos()) as f32
                })
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_depend_on_seed_and_name_and_have_the_moments() {
        let draw = |seed, name| Init::Normal(2.0).values(seed, name, 50_000);
        assert_eq!(draw(1, "a"), draw(1, "a"));
        assert_ne!(draw(1, "a"), draw(1, "b"));
        assert_ne!(draw(1, "a"), draw(2, "a"));
        let values = draw(3, "moments");
        let mean = values.iter().sum::<f32>() / 5e4;
        let variance = values.iter().map(|x| x * x).sum::<f32>() / 5e4;
        assert!(mean.abs() < 0.05 && (variance - 4.0).abs() < 0.15, "{mean} {variance}");
        let uniform = Init::Uniform(0.5).values(3, "u", 50_000);
        assert!(uniform.iter().all(|x| x.abs() <= 0.5));
        assert!((uniform.iter().map(|x| x * x).sum::<f32>() / 5e4 - 0.25 / 3.0).abs() < 0.003);
    }
}
