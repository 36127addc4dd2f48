//! A sum that grows on the device and is read only when it has to be: adding waits for nothing.

use anyhow::Result;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tch::{Kind, Tensor};

/// A sum in f64. Saved as a number and gone on with, it ends as if it had never been saved, to the bit.
#[derive(Debug, Default)]
pub(super) struct RunningSum {
    settled: f64,
    growing: Option<Tensor>,
}

impl RunningSum {
    /// Adds a tensor of one element.
    pub(super) fn add(&mut self, value: &Tensor) -> Result<()> {
        let value = value.f_detach()?.f_to_kind(Kind::Double)?;
        let sum = match self.growing.take() {
            None => value.f_add_scalar(self.settled)?,
            Some(sum) => sum.f_add(&value)?,
        };
        self.growing = Some(sum);
        Ok(())
    }

    /// The sum; waits for the device.
    pub(super) fn value(&self) -> f64 {
        self.growing.as_ref().map_or(self.settled, |sum| sum.double_value(&[]))
    }
}

impl Clone for RunningSum {
    fn clone(&self) -> Self {
        Self { settled: self.settled, growing: self.growing.as_ref().map(Tensor::shallow_clone) }
    }
}

impl PartialEq for RunningSum {
    fn eq(&self, other: &Self) -> bool {
        self.value() == other.value()
    }
}

impl Serialize for RunningSum {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.value())
    }
}

impl<'de> Deserialize<'de> for RunningSum {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self { settled: f64::deserialize(deserializer)?, growing: None })
    }
}

#[cfg(test)]
mod tests {
    use super::RunningSum;
    use tch::Tensor;

    #[test]
    fn a_sum_goes_on_to_the_bit_after_it_was_saved() {
        let values: Vec<f64> = (1..50).map(|i| 1.0 / f64::from(i)).collect();
        let (mut whole, mut broken) = (RunningSum::default(), RunningSum::default());
        for (index, &value) in values.iter().enumerate() {
            whole.add(&Tensor::from(value)).unwrap();
            broken.add(&Tensor::from(value)).unwrap();
            if index % 7 == 0 {
                broken = serde_json::from_str(&serde_json::to_string(&broken).unwrap()).unwrap();
            }
        }
        assert_eq!(whole.value().to_bits(), broken.value().to_bits());
        assert_eq!(whole.value(), values.iter().sum::<f64>());
    }
}
