//! `bcl-exp loss FILE`: the value and gradients of a loss for embeddings saved from anywhere.

use crate::config::LossRequest;
use anyhow::{Context, Result, bail, ensure};
use bcl_core::{Batch, Estimator, Reduction};
use std::path::{Path, PathBuf};
use tch::{Kind, Tensor};

/// Options of `bcl-exp loss`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A safetensors file with z1 and z2 (B x D, f32 or f64, rows of length 1); Oracle also needs labels (B, i64)
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The loss
    #[command(flatten)]
    pub loss: LossFlags,
    /// Write the gradients as grad_z1 and grad_z2 (safetensors)
    #[arg(long, value_name = "FILE")]
    pub grad_out: Option<PathBuf>,
}

/// The flags that choose a loss.
#[derive(Debug, clap::Args)]
pub struct LossFlags {
    /// SimCLR, DCL (Debiased, Chuang 2020; not Decoupled), HCL, BCL or Oracle (labels)
    #[arg(long, value_name = "NAME", default_value = "BCL")]
    pub estimator: String,
    /// Location of BCL, in [0.5, 1]: the chance that a positive scores above a negative
    #[arg(long, value_name = "A")]
    pub alpha: Option<f64>,
    /// Concentration of BCL, in [0, 1]: 0.5 debiases only, above it hard negatives weigh more
    #[arg(long, value_name = "B")]
    pub beta: Option<f64>,
    /// Class prior of DCL, HCL and BCL, in [0, 1): the chance that a random sample shares the anchor's class
    #[arg(long, value_name = "T", default_value_t = 0.1)]
    pub tau_plus: f64,
    /// Temperature
    #[arg(long, value_name = "T", default_value_t = 0.5)]
    pub temperature: f64,
    /// Hardness exponent of HCL, at least 0; another thing than --beta
    #[arg(long, value_name = "B")]
    pub hcl_beta: Option<f64>,
    /// exact, or reference: with the guards of the authors' code
    #[arg(long, value_name = "HOW", default_value = "exact")]
    pub compat: String,
    /// density (the closed form), or vmf: the first, von Mises-Fisher-like formulation
    #[arg(long, value_name = "FORM", default_value = "density")]
    pub formulation: String,
}

impl LossFlags {
    /// The flags as a request for a loss.
    #[must_use]
    pub fn request(&self) -> LossRequest {
        LossRequest {
            estimator: self.estimator.clone(),
            temperature: Some(self.temperature),
            tau_plus: Some(self.tau_plus),
            alpha: self.alpha,
            alpha_source: None,
            alpha_every: None,
            beta: self.beta,
            hcl_beta: self.hcl_beta,
            formulation: Some(self.formulation.clone()),
            compat: Some(self.compat.clone()),
        }
    }
}

/// Prints one JSON object.
///
/// # Errors
/// On an unreadable file, missing tensors, wrong shapes or types, and parameters out of range.
pub fn run(args: &Args) -> Result<()> {
    let spec = args.loss.request().resolve(args.loss.tau_plus)?;
    let loss = spec.build(spec.alpha)?;
    let input = Input::read(&args.file)?;
    let (z1, z2) = (input.z1.set_requires_grad(true), input.z2.set_requires_grad(true));
    let mut batch = Batch::two_views(&z1, &z2)?;
    match (&input.labels, spec.estimator.parse::<Estimator>()?) {
        (Some(labels), _) => batch = batch.with_labels(labels)?,
        (None, Estimator::Oracle) => {
            bail!("{}: Oracle needs a tensor named labels (B, i64)", args.file.display())
        }
        (None, _) => {}
    }
    let value = loss.forward_batch(&batch, Reduction::Mean)?;
    value.f_backward()?;
    let (grad1, grad2) = (z1.grad(), z2.grad());
    if let Some(path) = &args.grad_out {
        write_gradients(path, &grad1, &grad2)?;
    }
    let norm = |grad: &Tensor| grad.to_kind(Kind::Double).norm().double_value(&[]);
    let json = serde_json::json!({
        "value": value.to_kind(Kind::Double).double_value(&[]),
        "loss": spec,
        "batch_pairs": z1.size()[0],
        "dim": z1.size()[1],
        "dtype": kind_name(z1.kind()),
        "grad_z1_norm": norm(&grad1),
        "grad_z2_norm": norm(&grad2),
        "grad_out": args.grad_out,
    });
    println!("{json}");
    Ok(())
}

/// What the file holds.
struct Input {
    z1: Tensor,
    z2: Tensor,
    labels: Option<Tensor>,
}

impl Input {
    fn read(path: &Path) -> Result<Self> {
        ensure!(path.exists(), "{}: no such file", path.display());
        let mut tensors = Tensor::read_safetensors(path)
            .with_context(|| format!("{}: expected a safetensors file", path.display()))?;
        tensors.sort_by(|(one, _), (other, _)| one.cmp(other)); // they come in the order of a hash table
        let names: Vec<&str> = tensors.iter().map(|(name, _)| name.as_str()).collect();
        let get = |wanted: &str| {
            tensors.iter().find(|(name, _)| name == wanted).map(|(_, tensor)| tensor.shallow_clone())
        };
        let embedding = |wanted: &str| {
            let tensor = get(wanted).with_context(|| {
                format!("{}: expected tensors z1 and z2, got {}", path.display(), names.join(", "))
            })?;
            ensure!(
                matches!(tensor.kind(), Kind::Float | Kind::Double | Kind::Half | Kind::BFloat16),
                "{}: {wanted}: expected f32 or f64, got {}",
                path.display(),
                kind_name(tensor.kind())
            );
            Ok(tensor)
        };
        Ok(Self { z1: embedding("z1")?, z2: embedding("z2")?, labels: get("labels") })
    }
}

fn write_gradients(path: &Path, grad1: &Tensor, grad2: &Tensor) -> Result<()> {
    let named = [("grad_z1", grad1.contiguous()), ("grad_z2", grad2.contiguous())];
    Tensor::write_safetensors(&named, path).with_context(|| format!("cannot write {}", path.display()))
}

fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Float => "f32",
        Kind::Double => "f64",
        Kind::BFloat16 => "bf16",
        Kind::Half => "f16",
        Kind::Int64 => "i64",
        Kind::Int => "i32",
        _ => "another type",
    }
}
