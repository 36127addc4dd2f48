//! What a row says about where it was made: memory, time, revision, threads; and the allocator's tuning.

use std::path::Path;
use std::time::SystemTime;

/// UTC time to the second, RFC 3339.
#[must_use]
pub fn utc_now() -> String {
    humantime::format_rfc3339_seconds(SystemTime::now()).to_string()
}

/// Short revision of the code that this program was built from, `-dirty` when tracked files differed from it; `None` where it
/// was not built in a checkout.
#[must_use]
pub fn git_revision() -> Option<String> {
    option_env!("BCL_REVISION").map(str::to_owned)
}

/// Largest resident memory of this process since [`reset_peak_memory`], MB; `None` where `/proc` does not tell.
#[must_use]
pub fn peak_memory_mb() -> Option<f64> {
    Some(bytes_of("/proc/self/status", "VmHWM:")? as f64 / 1e6)
}

/// Resident memory of this process, MB; `None` where `/proc` does not tell.
#[must_use]
pub fn memory_mb() -> Option<f64> {
    Some(bytes_of("/proc/self/status", "VmRSS:")? as f64 / 1e6)
}

/// Memory that new work can have without swapping, bytes; `None` where `/proc` does not tell.
#[must_use]
pub fn available_memory() -> Option<u64> {
    bytes_of("/proc/meminfo", "MemAvailable:")
}

/// A line of `/proc` that gives kB.
fn bytes_of(file: &str, name: &str) -> Option<u64> {
    let text = std::fs::read_to_string(file).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().trim_end_matches("kB").trim().parse::<u64>().ok().map(|kib| kib * 1024)
}

/// The processor's name as the system gives it.
#[must_use]
pub fn processor() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// Starts the peak anew, so that one cell's figure is not its predecessor's.
pub fn reset_peak_memory() {
    // Best effort: without it the figure is the process's and still an upper bound.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

/// Threads to use when the user does not say: the processors this process may run on.
#[must_use]
pub fn default_threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Free space where `path` lies, bytes.
#[must_use]
pub fn free_space(path: &Path) -> Option<u64> {
    allocator_and_disk::free_space(path)
}

/// Keeps large blocks on the heap instead of mapping them anew for every activation: a training step on a CPU
/// is about a third faster for a quarter more memory. Call once, before the first tensor.
pub fn keep_large_blocks() {
    allocator_and_disk::keep_large_blocks();
}

/// The system's usual thresholds again, so that what is freed is no longer resident: to measure memory.
pub fn return_large_blocks() {
    allocator_and_disk::return_large_blocks();
}

#[allow(unsafe_code, reason = "mallopt and statvfs have no safe interface in the standard library")]
mod allocator_and_disk {
    use std::path::Path;

    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    pub(super) fn keep_large_blocks() {
        set_thresholds(libc::c_int::MAX);
    }

    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    pub(super) fn return_large_blocks() {
        set_thresholds(128 * 1024);
    }

    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    fn set_thresholds(bytes: libc::c_int) {
        // SAFETY: mallopt only sets parameters of the allocator; it is called before other threads start.
        unsafe {
            libc::mallopt(libc::M_MMAP_THRESHOLD, bytes);
            libc::mallopt(libc::M_TRIM_THRESHOLD, bytes);
        }
    }

    #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
    pub(super) fn keep_large_blocks() {}

    #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
    pub(super) fn return_large_blocks() {}

    #[cfg(unix)]
    pub(super) fn free_space(path: &Path) -> Option<u64> {
        use std::os::unix::ffi::OsStrExt;
        let path = std::ffi::CString::new(path.as_os_str().as_bytes()).ok()?;
        let mut stat = std::mem::MaybeUninit::<libc::statvfs>::uninit();
        // SAFETY: the path is NUL-terminated and the buffer has the size statvfs fills.
        let status = unsafe { libc::statvfs(path.as_ptr(), stat.as_mut_ptr()) };
        if status != 0 {
            return None;
        }
        // SAFETY: statvfs returned 0, so it has filled the buffer.
        let stat = unsafe { stat.assume_init() };
        Some(stat.f_bavail * stat.f_frsize)
    }

    #[cfg(not(unix))]
    pub(super) fn free_space(_: &Path) -> Option<u64> {
        None
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn times_are_utc_seconds() {
        let now = super::utc_now();
        assert_eq!(now.len(), "2026-01-01T00:00:00Z".len(), "{now}");
        assert!(now.ends_with('Z'));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_peak_follows_an_allocation() {
        super::reset_peak_memory();
        let before = super::peak_memory_mb().unwrap();
        let block = vec![1u8; 64_000_000];
        std::hint::black_box(&block);
        assert!(super::peak_memory_mb().unwrap() > before + 50.0);
        assert!(super::free_space(std::path::Path::new(".")).unwrap() > 0);
    }
}
