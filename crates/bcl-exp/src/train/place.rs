//! Where a run happens: device, threads, folders. None of it names the run, all of it is recorded.

use anyhow::{Context, Result, bail, ensure};
use bcl_data::MadeBy;
use std::path::PathBuf;
use tch::{Cuda, Device};

/// The flags of every command that trains or scores.
#[derive(Debug, Clone, clap::Args)]
pub struct RunFlags {
    /// Folder that holds the data sets; the embedded one needs none
    #[arg(long, value_name = "DIR", default_value = "data")]
    pub data: PathBuf,
    /// cpu, cuda or cuda:N
    #[arg(long, value_name = "DEVICE", default_value = "cpu")]
    pub device: String,
    /// Threads; results on a CPU are the same from run to run at one number of threads [default: all]
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
    /// Checkpoints and resolved configurations
    #[arg(long, value_name = "DIR", default_value = "runs")]
    pub runs: PathBuf,
}

/// The flags of every command that trains.
#[derive(Debug, Clone, clap::Args)]
pub struct TrainFlags {
    /// What makes the views, which are the same: this machine's threads, ahead of the steps, or the run's device, between them
    #[arg(long, value_name = "WHERE", value_enum, default_value_t)]
    pub augment: AugmentOn,
    /// Write TensorBoard event files, a folder a run: loss, alpha, learning rate, views/s, data wait, and what is measured of
    /// the encoder. A run that goes on writes on in its file
    #[arg(long, value_name = "DIR")]
    pub tensorboard: Option<PathBuf>,
}

/// What makes the views.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum AugmentOn {
    /// The loader's threads, an image at a time.
    #[default]
    Cpu,
    /// The run's device, a batch at a time.
    Device,
}

impl From<AugmentOn> for MadeBy {
    fn from(on: AugmentOn) -> Self {
        match on {
            AugmentOn::Cpu => Self::Threads,
            AugmentOn::Device => Self::Device,
        }
    }
}

/// The checked place.
#[derive(Debug, Clone)]
pub struct Place {
    /// Where tensors live.
    pub device: Device,
    /// What makes the views of training.
    pub augment: AugmentOn,
    /// Whether each step waits until its loss, gradient and weights have proved finite: on a processor it costs nothing. Else
    /// they are looked at every few steps, and the step that broke is found all the same.
    pub look_each_step: bool,
    /// Threads of libtorch and of the data pipeline.
    pub threads: usize,
    /// Data sets.
    pub data: PathBuf,
    /// Checkpoints.
    pub runs: PathBuf,
}

impl RunFlags {
    /// Checks the flags and tells libtorch the number of threads.
    ///
    /// # Errors
    /// When the device is unknown or not there.
    pub fn place(&self) -> Result<Place> {
        let threads = self.threads.unwrap_or_else(crate::machine::default_threads);
        ensure!((1..=1024).contains(&threads), "--threads: expected 1 to 1024, got {threads}");
        tch::set_num_threads(threads as i32);
        let device = parse_device(&self.device)?;
        Ok(Place {
            device,
            augment: AugmentOn::default(),
            look_each_step: device == Device::Cpu,
            threads,
            data: self.data.clone(),
            runs: self.runs.clone(),
        })
    }
}

impl Place {
    /// The same place with the views made where the flag says.
    #[must_use]
    pub fn augmenting(self, flags: &TrainFlags) -> Self {
        Self { augment: flags.augment, ..self }
    }

    /// `cpu` or `cuda:N`, as in the tables.
    #[must_use]
    pub fn device_name(&self) -> String {
        device_name(self.device)
    }
}

/// `cpu` or `cuda:N`.
#[must_use]
pub fn device_name(device: Device) -> String {
    match device {
        Device::Cuda(index) => format!("cuda:{index}"),
        Device::Cpu => "cpu".into(),
        other => format!("{other:?}").to_lowercase(),
    }
}

/// The device of a `--device` flag, if it is there.
///
/// # Errors
/// When the name is none, or the device is missing.
pub fn parse_device(name: &str) -> Result<Device> {
    let index = match name {
        "cpu" => return Ok(Device::Cpu),
        "cuda" => 0,
        _ => match name.strip_prefix("cuda:") {
            Some(index) => {
                index.parse().with_context(|| format!("--device: expected cuda:N, got {name:?}"))?
            }
            None => bail!("--device: expected cpu, cuda or cuda:N, got {name:?}"),
        },
    };
    let found = Cuda::device_count();
    if !Cuda::is_available() || (index as i64) >= found {
        bail!("--device {name}: {found} CUDA device(s) found; `bcl-exp doctor` tells why");
    }
    Ok(Device::Cuda(index))
}
