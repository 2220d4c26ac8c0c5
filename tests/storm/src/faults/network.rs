//! Messages that are late, lost or cut off.

use std::time::Duration;

use crate::proxy::Rule;
use crate::world::World;

pub(super) fn apply(world: &World, rule: Rule, time: Duration) -> String {
    let id = world.rules.add(rule);
    std::thread::sleep(time);
    format!("hit {} messages", world.rules.remove(id))
}
