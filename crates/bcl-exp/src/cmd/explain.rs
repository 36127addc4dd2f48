//! `bcl-exp explain`.

/// Options of `bcl-exp explain`.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs `bcl-exp explain`.
///
/// # Errors
/// Not written yet.
pub fn run(_args: &Args) -> anyhow::Result<()> {
    anyhow::bail!("not written yet")
}
