//! Lets `bcl-exp` and its tests find libtorch at run time: an rpath to the folder that bcl-core linked. Writes the revision of
//! the code into the program, which rows of results tell: a program outlives the checkout it was built from.

use std::path::Path;
use std::process::Command;

/// The workspace.
const ROOT: &str = "../..";

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if let Ok(lib) = std::env::var("DEP_BCL_CORE_LIBTORCH_LIB") {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{lib}");
    }
    let code = code();
    for path in &code {
        println!("cargo:rerun-if-changed={ROOT}/{path}");
    }
    if let Some(revision) = revision(&code) {
        println!("cargo:rustc-env=BCL_REVISION={revision}");
    }
}

/// The files and folders of the workspace that decide what the program does.
fn code() -> Vec<String> {
    let mut paths = vec!["Cargo.toml".to_owned(), "Cargo.lock".to_owned()];
    for name in ["bcl-core", "bcl-data", "bcl-models", "bcl-exp"] {
        paths.extend(["Cargo.toml", "build.rs", "src"].map(|part| format!("crates/{name}/{part}")));
    }
    paths.retain(|path| Path::new(ROOT).join(path).exists());
    paths
}

/// Short revision of the checkout, `-dirty` when tracked files of the code differ from it; `None` outside a checkout.
fn revision(code: &[String]) -> Option<String> {
    // The log of HEAD grows with each commit and checkout.
    let log = git(&["rev-parse", "--path-format=absolute", "--git-path", "logs/HEAD"])?;
    if Path::new(&log).exists() {
        println!("cargo:rerun-if-changed={log}");
    }
    let revision = git(&["rev-parse", "--short=10", "HEAD"])?;
    let mut status = vec!["status", "--porcelain", "--untracked-files=no", "--"];
    status.extend(code.iter().map(String::as_str));
    Some(if git(&status)?.is_empty() { revision } else { revision + "-dirty" })
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").current_dir(ROOT).args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
