//! The lab's system calls: the only unsafe code of the tests outside the raw benchmark limit.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

/// Makes the kernel kill the command's process with SIGKILL when the thread that starts it ends.
pub(crate) fn die_with_parent(command: &mut Command) {
    let parent = std::process::id();
    // SAFETY: the closure runs in the child between fork and exec, so it may only make async-signal-safe calls and must
    // not allocate. prctl and getppid are plain system calls, and an io::Error made from a code holds no allocation.
    unsafe {
        command.pre_exec(move || {
            if libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) != 0 {
                return Err(io::Error::last_os_error());
            }
            // The parent may have ended before prctl took effect.
            if libc::getppid().unsigned_abs() != parent {
                return Err(io::Error::from_raw_os_error(libc::ESRCH));
            }
            Ok(())
        });
    }
}

/// Sends a signal to a process that the caller started and has not yet waited for.
pub(crate) fn signal(pid: u32, signal: i32) -> io::Result<()> {
    let pid = i32::try_from(pid).map_err(|_| io::Error::from_raw_os_error(libc::ESRCH))?;
    // SAFETY: kill takes two integers and touches no memory. The caller still owns the process, so its id is not reused.
    if unsafe { libc::kill(pid, signal) } == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Waits for the exclusive lock of an open file; the lock ends with the file.
pub(crate) fn lock(file: &File) -> io::Result<()> {
    // SAFETY: flock takes a descriptor, which `file` keeps open during the call, and an integer.
    if unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX) } == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Runs a function when this process ends by itself (not when a signal kills it).
pub(crate) fn at_exit(function: extern "C" fn()) {
    // SAFETY: atexit stores a function pointer, valid for the whole life of the process; refusal only costs clean-up.
    let _refused = unsafe { libc::atexit(function) };
}

/// Clock ticks a second, the unit of CPU time in /proc.
pub(crate) fn clock_ticks() -> f64 {
    // SAFETY: sysconf takes and returns integers.
    let ticks = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
    if ticks > 0 { ticks as f64 } else { 100.0 }
}

/// Set by SIGTERM.
static ASKED_TO_END: AtomicBool = AtomicBool::new(false);

extern "C" fn note_end(_signal: libc::c_int) {
    ASKED_TO_END.store(true, Ordering::Release);
}

/// Becomes true when this process is asked to end with SIGTERM, which from now on does not end it.
pub fn on_terminate() -> &'static AtomicBool {
    // SAFETY: the handler only stores to an atomic, which is safe in a signal handler, and lives as long as the process.
    let _before = unsafe { libc::signal(libc::SIGTERM, note_end as *const () as libc::sighandler_t) };
    &ASKED_TO_END
}
