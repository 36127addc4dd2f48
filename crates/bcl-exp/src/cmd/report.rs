//! `bcl-exp report`.

/// Options of `bcl-exp report`.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs `bcl-exp report`.
///
/// # Errors
/// Not written yet.
pub fn run(_args: &Args) -> anyhow::Result<()> {
    anyhow::bail!("not written yet")
}
