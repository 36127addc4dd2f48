//! Finds the libtorch that torch-sys links, checks its version, and gives its folder to this package's
//! tests (an rpath) and to direct dependents (`DEP_BCL_CORE_LIBTORCH_LIB`). Compiles the C++ sides of `autograd.rs` and
//! `device.rs`.

use std::path::Path;

/// The libtorch release that the pinned tch binds.
const EXPECTED: &str = "2.11.0";

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=LIBTORCH_BYPASS_VERSION_CHECK");
    let Ok(lib) = std::env::var("DEP_TCH_LIBTORCH_LIB") else {
        return; // documentation builds link nothing
    };
    let root = Path::new(&lib).parent().unwrap_or(Path::new(&lib));
    if let Some(found) = installed_version(root)
        && found.split('+').next() != Some(EXPECTED)
        && std::env::var_os("LIBTORCH_BYPASS_VERSION_CHECK").is_none()
    {
        eprintln!("libtorch at {}: expected version {EXPECTED}, got {found}", root.display());
        eprintln!("unset LIBTORCH and run `make setup`, or point LIBTORCH at a libtorch {EXPECTED}");
        std::process::exit(1);
    }
    compile_cpp(root);
    println!("cargo:libtorch_lib={lib}");
    println!("cargo:rustc-link-arg=-Wl,-rpath,{lib}");
}

/// Compiles the C++ sides against the headers of the libtorch that is linked, with the flags of torch-sys.
fn compile_cpp(root: &Path) {
    for name in ["LIBTORCH_INCLUDE", "LIBTORCH_CXX11_ABI"] {
        println!("cargo:rerun-if-env-changed={name}");
    }
    let sources = ["src/autograd.cpp", "src/device.cpp"];
    for source in sources {
        println!("cargo:rerun-if-changed={source}");
    }
    let include = std::env::var_os("LIBTORCH_INCLUDE").map_or(root.to_owned(), Into::into).join("include");
    let abi = std::env::var("LIBTORCH_CXX11_ABI").unwrap_or_else(|_| "1".into());
    cc::Build::new()
        .cpp(true)
        .std("c++17")
        .pic(true)
        .warnings(false)
        .includes([include.join("torch/csrc/api/include"), include])
        .define("_GLIBCXX_USE_CXX11_ABI", abi.as_str())
        .define("NDEBUG", None) // as libtorch: its checks of debug builds ask for state that it does not keep
        .files(sources)
        .compile("bcl_core_cpp");
}

/// The version that the installation states: `version.py` in a wheel, `build-version` in an archive.
fn installed_version(root: &Path) -> Option<String> {
    if let Ok(text) = std::fs::read_to_string(root.join("build-version")) {
        return Some(text.trim().to_owned());
    }
    let text = std::fs::read_to_string(root.join("version.py")).ok()?;
    let line = text.lines().find(|line| line.starts_with("__version__"))?;
    Some(line.split('\'').nth(1)?.to_owned())
}
