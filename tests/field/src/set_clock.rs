//! A wall clock of a process that a test sets while the process runs.

use std::ffi::OsStr;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

/// What is loaded before the C library, so that the process is shown that clock: librdkafka and the standard library, too.
const SOURCE: &str = include_str!("set_clock.c");

/// The clock, and the library that shows it.
pub struct SetClock {
    library: PathBuf,
    file: PathBuf,
    // Both are in it.
    _folder: tempfile::TempDir,
}

impl SetClock {
    /// A clock that goes with the machine's.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        let (source, library, file) = (at("set_clock.c"), at("set_clock.so"), at("ahead_ms"));
        std::fs::write(&source, SOURCE).expect("written");
        let compiler = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .args([&library, &source])
            .arg("-ldl")
            .output()
            .expect("a C compiler, which the native libraries need as well");
        assert!(compiler.status.success(), "{}", String::from_utf8_lossy(&compiler.stderr));
        std::fs::write(&file, 0_i64.to_ne_bytes()).expect("written");
        SetClock { library, file, _folder: folder }
    }

    /// The environment of the process that is shown it.
    pub fn environment(&self) -> [(&str, &OsStr); 2] {
        [("LD_PRELOAD", self.library.as_os_str()), ("SET_CLOCK", self.file.as_os_str())]
    }

    /// From now on it is behind the machine's by this much.
    pub fn set_back(&self, by: Duration) {
        let by_ms = i64::try_from(by.as_millis()).expect("no more than time itself");
        // In place: the process has it in its memory.
        let file = std::fs::OpenOptions::new().write(true).open(&self.file).expect("a file");
        file.write_all_at(&(-by_ms).to_ne_bytes(), 0).expect("written");
    }
}

impl Default for SetClock {
    fn default() -> Self {
        SetClock::new()
    }
}
