//! Messages that are late, lost or cut off.

use std::time::Duration;

use super::Told;
use crate::proxy::Rule;
use crate::world::World;

pub(super) fn apply(world: &World, rule: Rule, time: Duration) -> Told {
    let id = world.rules.add(rule);
    std::thread::sleep(time);
    let touched = world.rules.remove(id);
    Told { text: format!("hit {touched} messages"), touched, ..Told::default() }
}
