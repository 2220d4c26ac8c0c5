//! Processes of the application that are killed, stopped and restarted.

use std::time::Duration;

use lab::LabError;

use crate::world::World;

pub(super) fn kill(world: &World, numbers: &[usize], time: Duration) -> Result<String, LabError> {
    for number in numbers {
        let mut app = world.app(*number);
        app.taken = true;
        app.kill()?;
    }
    std::thread::sleep(time);
    for number in numbers {
        let mut app = world.app(*number);
        app.start()?;
        app.taken = false;
    }
    Ok("started again".to_owned())
}

pub(super) fn stop(world: &World, number: usize, time: Duration) -> Result<String, LabError> {
    {
        let mut app = world.app(number);
        app.taken = true;
        app.stop()?;
    }
    std::thread::sleep(time);
    let mut app = world.app(number);
    app.taken = false;
    app.go_on()?;
    Ok("goes on".to_owned())
}

pub(super) fn restart(world: &World, number: usize, time: Duration) -> Result<String, LabError> {
    let mut app = world.app(number);
    app.taken = true;
    let closed = app.close();
    std::thread::sleep(time);
    app.start()?;
    app.taken = false;
    closed.map(|()| "closed in order".to_owned())
}
