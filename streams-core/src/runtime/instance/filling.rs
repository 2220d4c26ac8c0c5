//! Fills the global stores before the application's first task, and keeps them current on a thread of their own.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use state_stores::DiskMemory;

use super::{IDLE, Instance, Servers};
use crate::error::{IllegalStateError, Result};
use crate::runtime::global_thread::{self, GlobalBackends, GlobalParts, GlobalThread};
use crate::runtime::kafka_streams::lock;
use crate::runtime::renewal::Renewal;
use crate::runtime::stats::ThreadStats;
use crate::runtime::task_graph::GraphSettings;
use crate::runtime::threads::{run, spawn};
use crate::time::Now;

/// Time for the broker's first answer when global stores are filled.
const GLOBAL_IDLE: Duration = Duration::from_millis(20);

/// Returns once the global stores are filled. A database that is found to be damaged meanwhile is put aside, once: everything
/// in it comes from topics, and no task reads it yet.
pub(super) fn fill(instance: &mut Instance, servers: &mut Servers, memory: &DiskMemory) -> Result<()> {
    let Err(error) = try_fill(instance, servers) else { return Ok(()) };
    let directory = instance.directory.clone().filter(|_| error.is_damage());
    let Some(directory) = directory else { return Err(error) };
    lock(&instance.shared.renewals).damaged(instance.clock.monotonic_ms())?;
    // The thread ends with that error. Then nobody else has the database open.
    servers.join();
    instance.globals = GlobalBackends::default();
    let now_ms = instance.clock.now_ms();
    global_thread::put_aside(&directory, &error, now_ms)?;
    instance.globals = GlobalBackends::open(&instance.plan, Some(&directory), memory, now_ms)?;
    try_fill(instance, servers)
}

fn try_fill(instance: &Instance, servers: &mut Servers) -> Result<()> {
    let (thread, filled) = start_global(instance, &servers.stop)?;
    servers.threads.push(thread);
    wait_filled(&filled, instance)
}

/// Fills the global stores, reports that they are filled, and then keeps them current.
fn start_global(
    instance: &Instance,
    stop: &Arc<AtomicBool>,
) -> Result<(JoinHandle<()>, mpsc::Receiver<Result<()>>)> {
    let (filled, wait) = mpsc::channel();
    let (of_thread, stop) = (instance.clone(), Arc::clone(stop));
    let name = format!("{}-GlobalStreamThread", instance.client_id);
    let thread_name = name.clone();
    let thread = spawn(&instance.shared, name, move || {
        let instance = of_thread;
        let told = filled.clone();
        let ran = run(&thread_name, || run_global(&instance, &thread_name, &stop, &told));
        let Err(error) = ran else { return };
        // Before the stores are filled it is `start` that fails, after that the application.
        if let Err(mpsc::SendError(Err(error))) = filled.send(Err(error)) {
            instance.shared.fail(error);
        }
    })?;
    Ok((thread, wait))
}

/// Returns once the global stores are filled, or the application is closed.
fn wait_filled(filled: &mpsc::Receiver<Result<()>>, instance: &Instance) -> Result<()> {
    loop {
        match filled.recv_timeout(IDLE) {
            Ok(result) => return result,
            Err(mpsc::RecvTimeoutError::Timeout) => {
                instance.shared.check_open()?;
                // In a restart nobody else does so.
                instance.shared.waits.update(instance.clock.monotonic_ms());
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                let thread = "the thread that fills global stores";
                return Err(IllegalStateError::StartThreadEnded { thread }.into());
            }
        }
    }
}

fn run_global(
    instance: &Instance,
    name: &str,
    stop: &Arc<AtomicBool>,
    filled: &mpsc::Sender<Result<()>>,
) -> Result<()> {
    let properties = instance.buffers.globals.consumer(instance.config.global_consumer_properties());
    let spec = instance.consumer_spec(format!("{name}-global-consumer"), properties);
    let mut global = GlobalThread::new(GlobalParts {
        plan: &instance.plan,
        backends: &instance.globals,
        consumer: instance.transport.consumer(&spec)?,
        admin: instance.transport.admin(&format!("{name}-admin"))?,
        directory: instance.directory.clone(),
        waits: &instance.shared.waits,
        handlers: instance.handlers.clone(),
        settings: GraphSettings::new(&instance.plan, &instance.config),
        config: Arc::clone(&instance.config),
        metrics: &instance.shared.metrics,
        thread: name.into(),
        clock: Arc::clone(&instance.clock),
        stop: Arc::clone(stop),
        listener: instance.shared.restore_listener.clone(),
    })?;
    let stats = Arc::new(ThreadStats::default());
    lock(&instance.shared.stats).push(Arc::clone(&stats));
    let mut told = false;
    while !stop.load(Ordering::Acquire) {
        let worked = match global.run_once(Now::of(&*instance.clock)) {
            Err(error) if told && error.is_damage() => {
                tracing::warn!(%error, "the global stores");
                return renew(instance, Renewal::Damage);
            }
            worked => worked?,
        };
        if worked {
            stats.set_dropped(global.dropped_records());
        }
        if let Some(why) = global.take_refill() {
            if told {
                return renew(instance, Renewal::Refill(why));
            }
            // No task reads it yet, so it is filled again where it is.
            lock(&instance.shared.renewals).refilled(&why, instance.clock.monotonic_ms())?;
        }
        if !told && global.is_caught_up() {
            told = true;
            global.is_filled(instance.config.task_timeout_ms());
            // A start that was closed no longer waits.
            let _ = filled.send(Ok(()));
        }
        if !worked {
            global.wait(if told { IDLE } else { GLOBAL_IDLE });
        }
    }
    Ok(())
}

/// Makes the application restart, which fills the global stores before they are read.
fn renew(instance: &Instance, why: Renewal) -> Result<()> {
    lock(&instance.shared.renewals).want(why);
    Ok(())
}
