//! `bcl-exp export FILE`: an encoder under torchvision's or the authors' names, for Python.

use crate::encoder::{Encoder, ShapeFlags};
use anyhow::{Result, ensure};
use bcl_models::Names;
use std::path::PathBuf;
use tch::Device;

const LOADING: &str = "In Python, torchvision's names:
  model = torchvision.models.resnet18(); model.fc = torch.nn.Identity()
  model.conv1 = torch.nn.Conv2d(3, 64, 3, 1, 1, bias=False); model.maxpool = torch.nn.Identity()  # the cifar stem
  model.load_state_dict(safetensors.torch.load_file(\"FILE\"), strict=True)
scripts/convert_weights.py makes a .pth of the file.";

/// Options of `bcl-exp export`.
#[derive(Debug, clap::Args)]
#[command(after_help = LOADING)]
pub struct Args {
    /// A checkpoint of a run (where it keeps an average of the weights, that is exported), or weights from elsewhere
    #[arg(value_name = "FILE")]
    pub checkpoint: PathBuf,
    /// The safetensors file to write
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// torchvision (the encoder), authors (module.f.* and module.g.*: encoder and projection head) or own
    #[arg(long, value_name = "WHOSE", default_value = "torchvision")]
    pub names: String,
    /// Weights from elsewhere
    #[command(flatten)]
    pub shape: ShapeFlags,
}

/// Writes the file and says what is in it.
///
/// # Errors
/// As [`Encoder::load`] and [`Encoder::export`], and when the file would replace the one it is made of.
pub fn run(args: &Args) -> Result<()> {
    let names: Names = args.names.parse()?;
    let encoder = Encoder::load(&args.checkpoint, &args.shape, Device::Cpu)?;
    let same = |path: &PathBuf| path.canonicalize().ok();
    ensure!(
        same(&args.out).is_none() || same(&args.out) != same(&args.checkpoint),
        "--out: expected another file than {}",
        args.checkpoint.display()
    );
    encoder.export(names, &args.out)?;
    let shape = encoder.model.config().encoder;
    println!(
        "{}: {} of width {} with the {} stem{}, {names} names",
        args.out.display(),
        shape.arch,
        shape.width,
        shape.stem,
        if names == Names::Torchvision { ", without its projection head" } else { "" },
    );
    Ok(())
}
