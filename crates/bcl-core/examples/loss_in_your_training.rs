//! The loss in a training loop of your own: a linear encoder that learns to ignore the noise of two views.
//!
//! Run with `cargo run --release -p bcl-core --example loss_in_your_training`.

use bcl_core::{Bcl, ClassPrior, Concentration, ContrastiveLoss, Location, Temperature, normalize};
use tch::nn::{self, Module, OptimizerConfig};
use tch::{Device, Kind, Tensor};

const PAIRS: i64 = 64;
const SIGNAL: i64 = 4; // the first columns are shared by the two views, the rest is noise
const WIDTH: i64 = 32;

fn view(signal: &Tensor) -> Tensor {
    let noise = Tensor::randn([PAIRS, WIDTH - SIGNAL], (Kind::Float, Device::Cpu)) * 2.0;
    Tensor::cat(&[signal, &noise], 1) // PAIRS x WIDTH
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    tch::manual_seed(0);
    let variables = nn::VarStore::new(Device::Cpu);
    let encoder = nn::linear(variables.root(), WIDTH, 16, nn::LinearConfig::default());
    let mut optimizer = nn::Adam::default().build(&variables, 1e-2)?;

    let loss = Bcl::new(Location::new(0.8)?, Concentration::new(0.6)?)?
        .class_prior(ClassPrior::new(0.1)?)?
        .temperature(Temperature::new(0.5)?);

    for step in 0..=300 {
        let signal = Tensor::randn([PAIRS, SIGNAL], (Kind::Float, Device::Cpu));
        let z1 = normalize(&encoder.forward(&view(&signal)))?;
        let z2 = normalize(&encoder.forward(&view(&signal)))?;
        let value = loss.forward(&z1, &z2)?;
        optimizer.backward_step(&value);
        if step % 100 == 0 {
            println!("step {step:3}  loss {:.4}", value.double_value(&[]));
        }
    }
    Ok(())
}
