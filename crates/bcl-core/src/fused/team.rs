//! A team of threads: libtorch's own where that can be had.
//!
//! libtorch on Linux runs on GNU OpenMP, whose threads wait actively for a while after every operation. A pool of our
//! own would compete with them for the processors; so the work is given to the same threads, through the entry
//! points that the compiler uses for `#pragma omp parallel`. Elsewhere threads are started for each call.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A thread's place in its team.
#[derive(Debug)]
pub(super) struct Member<'a> {
    /// From 0.
    pub(super) index: usize,
    /// Members of the team.
    pub(super) count: usize,
    barrier: &'a Barrier,
}

impl Member<'_> {
    /// Waits until every member has come here; what each wrote before, all read after.
    pub(super) fn wait(&self) {
        self.barrier.wait(self.count);
    }

    /// This member's share of `total` things that are divided in lots of `lot`.
    pub(super) fn share(&self, total: usize, lot: usize) -> std::ops::Range<usize> {
        let lots = total.div_ceil(lot);
        let bound = |index: usize| (lots * index / self.count * lot).min(total);
        bound(self.index)..bound(self.index + 1)
    }
}

/// Counts arrivals; the last one opens the way by starting a new round.
#[derive(Debug, Default)]
struct Barrier {
    arrived: AtomicUsize,
    round: AtomicUsize,
}

impl Barrier {
    fn wait(&self, count: usize) {
        if count == 1 {
            return;
        }
        let round = self.round.load(Ordering::Relaxed);
        if self.arrived.fetch_add(1, Ordering::AcqRel) + 1 == count {
            self.arrived.store(0, Ordering::Relaxed);
            self.round.store(round.wrapping_add(1), Ordering::Release);
            return;
        }
        let mut turns = 0u32;
        while self.round.load(Ordering::Acquire) == round {
            turns += 1;
            if turns < 10_000 {
                std::hint::spin_loop();
            } else {
                std::thread::yield_now(); // somebody else has the processor that a member needs
            }
        }
    }
}

/// Runs `work` on `threads` threads, the caller's among them, and returns when all are done. There may be fewer: inside
/// a parallel region of the caller's there is one.
pub(super) fn run(threads: usize, work: &(dyn Fn(&Member<'_>) + Sync)) {
    let barrier = Barrier::default();
    if threads <= 1 {
        return work(&Member { index: 0, count: 1, barrier: &barrier });
    }
    match OpenMp::get() {
        Some(openmp) => openmp.run(threads, &barrier, work),
        None => std::thread::scope(|scope| {
            for index in 1..threads {
                let barrier = &barrier;
                scope.spawn(move || work(&Member { index, count: threads, barrier }));
            }
            work(&Member { index: 0, count: threads, barrier: &barrier });
        }),
    }
}

/// The entry points of GNU OpenMP in this process.
#[derive(Debug, Clone, Copy)]
struct OpenMp {
    parallel: unsafe extern "C" fn(
        unsafe extern "C" fn(*mut libc::c_void),
        *mut libc::c_void,
        libc::c_uint,
        libc::c_uint,
    ),
    thread: unsafe extern "C" fn() -> libc::c_int,
    threads: unsafe extern "C" fn() -> libc::c_int,
}

/// What the members of one region share.
struct Region<'a> {
    openmp: OpenMp,
    barrier: &'a Barrier,
    work: &'a (dyn Fn(&Member<'_>) + Sync),
}

impl OpenMp {
    fn get() -> Option<Self> {
        static FOUND: OnceLock<Option<OpenMp>> = OnceLock::new();
        *FOUND.get_or_init(Self::find)
    }

    fn find() -> Option<Self> {
        if cfg!(miri) {
            return None;
        }
        let symbol = |name: &std::ffi::CStr| {
            // SAFETY: looks a name up among the libraries of the process.
            let address = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
            (!address.is_null()).then_some(address)
        };
        let parallel = symbol(c"GOMP_parallel")?;
        let thread = symbol(c"omp_get_thread_num")?;
        let threads = symbol(c"omp_get_num_threads")?;
        // SAFETY: the signatures are those of GNU OpenMP since 4.9 (libgomp_g.h, omp.h).
        unsafe {
            Some(Self {
                parallel: std::mem::transmute::<
                    *mut libc::c_void,
                    unsafe extern "C" fn(
                        unsafe extern "C" fn(*mut libc::c_void),
                        *mut libc::c_void,
                        libc::c_uint,
                        libc::c_uint,
                    ),
                >(parallel),
                thread: std::mem::transmute::<*mut libc::c_void, unsafe extern "C" fn() -> libc::c_int>(
                    thread,
                ),
                threads: std::mem::transmute::<*mut libc::c_void, unsafe extern "C" fn() -> libc::c_int>(
                    threads,
                ),
            })
        }
    }

    fn run(self, threads: usize, barrier: &Barrier, work: &(dyn Fn(&Member<'_>) + Sync)) {
        unsafe extern "C" fn member(region: *mut libc::c_void) {
            // SAFETY: `region` is the address that `run` passes below, alive until GOMP_parallel returns. A panic
            // cannot leave an extern "C" function: it ends the process.
            unsafe {
                let region = &*region.cast::<Region<'_>>();
                let (index, count) = ((region.openmp.thread)(), (region.openmp.threads)());
                (region.work)(&Member {
                    index: index as usize,
                    count: count as usize,
                    barrier: region.barrier,
                });
            }
        }
        let mut region = Region { openmp: self, barrier, work };
        // SAFETY: `member` reads the region, which outlives the call; the work is Sync.
        unsafe { (self.parallel)(member, (&raw mut region).cast(), threads as libc::c_uint, 0) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[test]
    fn shares_cover_everything_once() {
        let barrier = Barrier::default();
        for count in 1..5 {
            for total in [0, 1, 5, 6, 7, 100] {
                let mut next = 0;
                for index in 0..count {
                    let range = Member { index, count, barrier: &barrier }.share(total, 6);
                    assert_eq!(range.start, next);
                    next = range.end;
                }
                assert_eq!(next, total);
            }
        }
    }

    #[test]
    fn all_members_run_and_wait_for_each_other() {
        for threads in [1, 2, 3, 8] {
            let (before, after) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
            run(threads, &|member| {
                for round in 1..=20 {
                    before.fetch_add(1, Ordering::Relaxed);
                    member.wait();
                    assert_eq!(before.load(Ordering::Relaxed), round * member.count);
                    member.wait();
                }
                after.lock().unwrap().push(member.index);
            });
            let mut indices = after.into_inner().unwrap();
            indices.sort_unstable();
            assert_eq!(indices, (0..threads).collect::<Vec<_>>());
        }
    }
}
