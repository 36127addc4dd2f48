//! Lets this package's tests find libtorch at run time: an rpath to the folder that torch-sys linked. Compiles the C++
//! sides of `optim/fused.rs` and `tf32.rs` against the headers of that libtorch, with the flags of torch-sys.

use std::path::Path;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let sources = ["src/optim/fused.cpp", "src/tf32.cpp"];
    for source in sources {
        println!("cargo:rerun-if-changed={source}");
    }
    for name in ["LIBTORCH_INCLUDE", "LIBTORCH_CXX11_ABI"] {
        println!("cargo:rerun-if-env-changed={name}");
    }
    let Ok(lib) = std::env::var("DEP_TCH_LIBTORCH_LIB") else {
        return; // documentation builds link nothing
    };
    println!("cargo:rustc-link-arg=-Wl,-rpath,{lib}");
    let root = Path::new(&lib).parent().unwrap_or(Path::new(&lib));
    let include = std::env::var_os("LIBTORCH_INCLUDE").map_or(root.to_owned(), Into::into).join("include");
    let abi = std::env::var("LIBTORCH_CXX11_ABI").unwrap_or_else(|_| "1".into());
    cc::Build::new()
        .cpp(true)
        .std("c++17")
        .pic(true)
        .warnings(false)
        .includes([include.join("torch/csrc/api/include"), include])
        .define("_GLIBCXX_USE_CXX11_ABI", abi.as_str())
        .define("NDEBUG", None) // as libtorch
        .files(sources)
        .compile("bcl_models_cpp");
}
