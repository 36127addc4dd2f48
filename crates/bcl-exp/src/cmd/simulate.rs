//! `bcl-exp simulate`.

/// Options of `bcl-exp simulate`.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs `bcl-exp simulate`.
///
/// # Errors
/// Not written yet.
pub fn run(_args: &Args) -> anyhow::Result<()> {
    anyhow::bail!("not written yet")
}
