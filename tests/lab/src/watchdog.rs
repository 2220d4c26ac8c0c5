//! Ends a suite that hangs, and says where: a run of all tests has a limit of time, and says nothing when it is cut off.

use std::process::Command;
use std::time::Duration;

/// Far longer than any suite takes, on slow machines too.
const LIMIT: Duration = Duration::from_secs(20 * 60);

/// Watches this process from now on, but for campaigns, which take as long as they take.
pub(crate) fn watch() {
    if std::env::args().any(|argument| argument == "--ignored" || argument == "--include-ignored") {
        return;
    }
    std::thread::spawn(|| {
        std::thread::sleep(LIMIT);
        eprintln!("this suite has not ended in {LIMIT:?}; its threads:");
        for (name, waits_in) in threads() {
            eprintln!("  {name}: {waits_in}");
        }
        // Where a debugger is installed, it knows more.
        let pid = std::process::id().to_string();
        let stacks =
            Command::new("gdb").args(["-p", &pid, "-batch", "-ex", "thread apply all backtrace"]).status();
        if let Err(error) = stacks {
            eprintln!("no stacks: gdb: {error}");
        }
        std::process::abort();
    });
}

/// The threads of this process: names, which begin as their tests', and the system calls that they wait in.
fn threads() -> Vec<(String, String)> {
    let Ok(folders) = std::fs::read_dir("/proc/self/task") else { return Vec::new() };
    let read = |folder: &std::path::Path, file: &str| {
        std::fs::read_to_string(folder.join(file)).unwrap_or_default().trim().to_owned()
    };
    folders.flatten().map(|folder| (read(&folder.path(), "comm"), read(&folder.path(), "wchan"))).collect()
}
