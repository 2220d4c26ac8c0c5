//! State directories that are deleted, damaged, and full.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use lab::LabError;

use crate::schedule::Chance;
use crate::world::World;

/// How much of a file is overwritten.
const DAMAGE: usize = 64;

pub(super) fn delete(world: &World, number: usize, time: Duration) -> Result<String, LabError> {
    changed_while_down(world, number, time, |state| {
        let mut deleted = 0;
        // The directory itself may be a file system's.
        for entry in fs::read_dir(state)?.flatten() {
            deleted += 1;
            if entry.path().is_dir() {
                fs::remove_dir_all(entry.path())?
            } else {
                fs::remove_file(entry.path())?
            }
        }
        Ok(format!("deleted {deleted} directories"))
    })
}

pub(super) fn damage(world: &World, number: usize, salt: u64, time: Duration) -> Result<String, LabError> {
    let mut chance = Chance::of(salt);
    changed_while_down(world, number, time, |state| {
        let mut files = Vec::new();
        collect(state, &mut files);
        files.sort();
        if files.is_empty() {
            return Ok("there is no state yet".to_owned());
        }
        let chosen = usize::try_from(chance.below(files.len() as u64)).unwrap_or(0);
        let path = files.swap_remove(chosen);
        let mut bytes = fs::read(&path)?;
        let how = if chance.below(3) == 0 {
            bytes.truncate(bytes.len() / 2);
            "cut in half"
        } else {
            let begin = usize::try_from(chance.below(bytes.len() as u64)).unwrap_or(0);
            bytes.iter_mut().skip(begin).take(DAMAGE).for_each(|byte| *byte ^= 0xa5);
            "overwritten in part"
        };
        fs::write(&path, bytes)?;
        Ok(format!("{how}: {}", path.display()))
    })
}

pub(super) fn fill(world: &World, number: usize, time: Duration) -> Result<String, LabError> {
    if !world.has_small_disk {
        return Ok("left out: only root can mount a small file system".to_owned());
    }
    let _turn = world.turns(&[number]);
    let path = world.app(number).state().join("filler");
    let what = || format!("filling {}", path.display());
    let mut file = File::create(&path).map_err(LabError::io(what()))?;
    let block = vec![0; 1 << 16];
    let mut written = 0_usize;
    // Until there is no room.
    while let Ok(some) = file.write(&block) {
        written += some;
    }
    std::thread::sleep(time);
    drop(file);
    fs::remove_file(&path).map_err(LabError::io(what()))?;
    Ok(format!("{written} bytes filled it"))
}

/// Kills the process, changes its state directory, and starts it again.
fn changed_while_down(
    world: &World,
    number: usize,
    time: Duration,
    change: impl FnOnce(&Path) -> std::io::Result<String>,
) -> Result<String, LabError> {
    let _turn = world.turns(&[number]);
    let state = {
        let mut app = world.app(number);
        app.taken = true;
        app.kill()?;
        app.state().to_path_buf()
    };
    let changed = change(&state).map_err(LabError::io(format!("changing {}", state.display())));
    std::thread::sleep(time);
    let mut app = world.app(number);
    app.start()?;
    app.taken = false;
    changed
}

/// The files of databases.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            collect(&path, files);
            continue;
        }
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        // Its own log and lock mean nothing to a database, and an empty file cannot be damaged.
        let matters = name.ends_with(".sst")
            || name.ends_with(".log")
            || name == "CURRENT"
            || name.starts_with("MANIFEST");
        if matters && path.metadata().is_ok_and(|about| about.len() > 0) {
            files.push(path);
        }
    }
}
