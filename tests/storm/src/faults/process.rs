//! Processes of the application that are killed, stopped and restarted.

use std::time::Duration;

use lab::LabError;

use super::Told;
use crate::world::World;

pub(super) fn kill(world: &World, numbers: &[usize], time: Duration) -> Result<String, LabError> {
    let _turns = world.turns(numbers);
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
    let _turn = world.turns(&[number]);
    {
        let mut app = world.app(number);
        app.taken = true;
        app.stop()?;
    }
    std::thread::sleep(time);
    let mut app = world.app(number);
    app.taken = false;
    app.resume()?;
    Ok("continues".to_owned())
}

pub(super) fn restart(world: &World, number: usize, time: Duration) -> Told {
    closed_meanwhile(world, &[number], || {
        std::thread::sleep(time);
        Ok("closed in order".to_owned())
    })
}

/// Closes processes, does something, and starts them again.
pub(super) fn closed_meanwhile(
    world: &World,
    numbers: &[usize],
    act: impl FnOnce() -> Result<String, LabError>,
) -> Told {
    let _turns = world.turns(numbers);
    let mut told = Told::default();
    for number in numbers {
        world.app(*number).taken = true;
    }
    // As an operator does it: all at the same time. Others look at a process while it closes.
    std::thread::scope(|scope| {
        let close = |number: usize| move || (number, world.close(number));
        let closing: Vec<_> = numbers.iter().map(|number| scope.spawn(close(*number))).collect();
        for closed in closing.into_iter().map(std::thread::ScopedJoinHandle::join) {
            match closed {
                Ok((_, Ok(None))) => {}
                Ok((number, Ok(Some(said)))) => told.ends.push((number, said)),
                Ok((number, Err(error))) => told.wrong.push(format!("process {number}: {error}")),
                Err(_) => told.wrong.push("closing panicked".to_owned()),
            }
        }
    });
    match act() {
        Ok(text) => told.text = text,
        Err(error) => told.wrong.push(error.to_string()),
    }
    for number in numbers {
        let mut app = world.app(*number);
        if let Err(error) = app.start() {
            told.wrong.push(error.to_string());
        }
        app.taken = false;
    }
    told
}
