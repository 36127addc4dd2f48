//! The libtorch this process runs on: where it lies, its version, and CUDA loaded on demand.
//!
//! The linker drops `libtorch_cuda` because nothing refers to it, and linking it by force would make every
//! start on a CPU load half a gigabyte. So a start-up function looks for an NVIDIA driver and, where there is
//! one and the libtorch has CUDA kernels, loads them before libtorch first asks. Set `BCL_NO_CUDA=1` to
//! leave CUDA alone. Without a driver the function costs one failed library look-up.

use std::path::{Path, PathBuf};

/// The libtorch release that this crate is built for.
pub const EXPECTED_VERSION: &str = "2.11.0";

/// Environment variable that, set to anything but `0` or nothing, leaves CUDA unloaded.
pub const NO_CUDA: &str = "BCL_NO_CUDA";

/// What became of the attempt to load CUDA at start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CudaLoad {
    /// The environment variable [`NO_CUDA`] forbids it.
    OptedOut,
    /// There is no NVIDIA driver (`libcuda.so.1`).
    NoDriver,
    /// There is a driver, but this libtorch has no CUDA kernels (`libtorch_cuda.so`).
    NoKernels,
    /// The kernels are there and could not be loaded: a library they need is missing or the driver is too old.
    Failed,
    /// Loaded.
    Loaded,
    /// Not attempted: this is not Linux.
    Unsupported,
}

/// What the start-up function did.
#[must_use]
pub fn cuda_load() -> CudaLoad {
    loader::outcome()
}

/// The folder of the loaded libtorch, for instance `.libtorch/torch/lib`, where the system can tell.
#[must_use]
pub fn library_dir() -> Option<PathBuf> {
    loader::library_dir()
}

/// The version that the loaded libtorch states beside its libraries, for instance `2.11.0+cu130`; `None` for
/// an installation that does not say.
#[must_use]
pub fn version() -> Option<String> {
    installed_version(library_dir()?.parent()?)
}

/// Reads `build-version` (archives) or `version.py` (Python wheels) in a libtorch folder.
fn installed_version(root: &Path) -> Option<String> {
    if let Ok(text) = std::fs::read_to_string(root.join("build-version")) {
        return Some(text.trim().to_owned());
    }
    let text = std::fs::read_to_string(root.join("version.py")).ok()?;
    let line = text.lines().find(|line| line.starts_with("__version__"))?;
    Some(line.split('\'').nth(1)?.to_owned())
}

#[cfg(target_os = "linux")]
#[allow(unsafe_code, reason = "the dynamic loader has no safe interface")]
mod loader {
    use super::{CudaLoad, NO_CUDA};
    use std::ffi::{CStr, CString, OsStr, c_int, c_void};
    use std::os::unix::ffi::OsStrExt;
    use std::path::PathBuf;
    use std::sync::atomic::{AtomicU8, Ordering};

    /// Runs before `main`, hence before libtorch looks for CUDA, which it does once.
    // SAFETY (of the section): the loader calls each entry of `.init_array` as `extern "C" fn(argc, argv, envp)`
    // once the libraries this executable needs are initialised; `at_start` has that signature.
    #[used]
    #[unsafe(link_section = ".init_array")]
    static AT_START: extern "C" fn() = at_start;

    static OUTCOME: AtomicU8 = AtomicU8::new(0);

    const OUTCOMES: [CudaLoad; 6] = [
        CudaLoad::Unsupported,
        CudaLoad::OptedOut,
        CudaLoad::NoDriver,
        CudaLoad::NoKernels,
        CudaLoad::Failed,
        CudaLoad::Loaded,
    ];

    extern "C" fn at_start() {
        if cfg!(miri) {
            return; // an interpreter has no libraries to load
        }
        // A panic must not cross into the loader.
        let outcome = std::panic::catch_unwind(load_cuda).unwrap_or(CudaLoad::Failed);
        let index = OUTCOMES.iter().position(|&known| known == outcome).unwrap_or(0);
        OUTCOME.store(index as u8, Ordering::Relaxed);
    }

    pub(super) fn outcome() -> CudaLoad {
        OUTCOMES[usize::from(OUTCOME.load(Ordering::Relaxed))]
    }

    fn load_cuda() -> CudaLoad {
        if std::env::var_os(NO_CUDA).is_some_and(|value| !value.is_empty() && value != "0") {
            return CudaLoad::OptedOut;
        }
        if open(c"libcuda.so.1", libc::RTLD_LAZY).is_none() {
            return CudaLoad::NoDriver;
        }
        let Some(kernels) =
            library_dir().map(|dir| dir.join("libtorch_cuda.so")).filter(|path| path.is_file())
        else {
            return CudaLoad::NoKernels;
        };
        let Ok(path) = CString::new(kernels.as_os_str().as_bytes()) else {
            return CudaLoad::Failed;
        };
        match open(&path, libc::RTLD_NOW | libc::RTLD_GLOBAL) {
            Some(_) => CudaLoad::Loaded,
            None => CudaLoad::Failed,
        }
    }

    pub(super) fn library_dir() -> Option<PathBuf> {
        let handle = open(c"libtorch_cpu.so", libc::RTLD_LAZY | libc::RTLD_NOLOAD)?;
        let mut origin = [0u8; libc::PATH_MAX as usize + 1];
        // SAFETY: `handle` is a live handle; RTLD_DI_ORIGIN writes a NUL-terminated path of at most PATH_MAX
        // bytes into the buffer, which is one longer.
        let status = unsafe { libc::dlinfo(handle, libc::RTLD_DI_ORIGIN, origin.as_mut_ptr().cast()) };
        let path = CStr::from_bytes_until_nul(&origin).ok()?;
        (status == 0).then(|| PathBuf::from(OsStr::from_bytes(path.to_bytes())))
    }

    /// The handle stays open: libraries of libtorch must not be unloaded.
    fn open(name: &CStr, flags: c_int) -> Option<*mut c_void> {
        // SAFETY: `name` is NUL-terminated. Initialisers of the libraries run; those of libcuda and libtorch are
        // made to be loaded at run time.
        let handle = unsafe { libc::dlopen(name.as_ptr(), flags) };
        (!handle.is_null()).then_some(handle)
    }
}

#[cfg(not(target_os = "linux"))]
mod loader {
    pub(super) fn outcome() -> super::CudaLoad {
        super::CudaLoad::Unsupported
    }

    pub(super) fn library_dir() -> Option<std::path::PathBuf> {
        None
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_loaded_libtorch_is_found_and_is_the_pinned_one() {
        let _ = tch::get_num_threads(); // refer to libtorch, so that it is linked
        let dir = library_dir().expect("libtorch_cpu is loaded");
        assert!(dir.join("libtorch_cpu.so").is_file(), "{}", dir.display());
        if let Some(version) = version() {
            assert_eq!(version.split('+').next(), Some(EXPECTED_VERSION));
        }
    }

    #[test]
    fn the_start_up_function_ran() {
        assert_ne!(cuda_load(), CudaLoad::Unsupported);
        assert_eq!(cuda_load() == CudaLoad::Loaded, tch::Cuda::is_available());
    }

    #[test]
    fn versions_are_read_from_wheels_and_archives() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(installed_version(folder.path()), None);
        std::fs::write(folder.path().join("version.py"), "x = 1\n__version__ = '2.11.0+cu130'\n").unwrap();
        assert_eq!(installed_version(folder.path()).as_deref(), Some("2.11.0+cu130"));
        std::fs::write(folder.path().join("build-version"), "2.10.0\n").unwrap();
        assert_eq!(installed_version(folder.path()).as_deref(), Some("2.10.0"));
    }
}
