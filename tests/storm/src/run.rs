//! The course of a storm: the input is fed, events begin and end, processes that have ended are started again; then it
//! becomes calm, and what must hold is checked.

use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::ScopedJoinHandle;
use std::time::{Duration, Instant};

use lab::{LabError, ProcessUsage};
use tests::apps::{Feed, SoakTopics};
use tests::checks::SoakModel;

use crate::faults;
use crate::reader::Reader;
use crate::schedule::{Event, PROCESSES};
use crate::verdict;
use crate::world::{APP, World};

/// Keys of the input.
const KEYS: u32 = 200;

/// How late an event may begin without those behind it beginning later, too.
const LATE_MS: u128 = 1_000;

const TICK: Duration = Duration::from_millis(200);

/// How long the application may take to have processed everything when all is well again.
const CALM_LIMIT: Duration = Duration::from_secs(180);

/// How long the first start may take before it is stormy all the same.
const START_LIMIT: Duration = Duration::from_secs(60);

/// How long after a fault that permits it an application may end with an error.
const AFTERMATH: Duration = Duration::from_secs(20);

/// How much more than a process that was just started one may have that has lived through it.
// Clients have a thread for each broker that they have met; new ones have not met all.
const MORE_THREADS: usize = 24;
const MORE_FILES: usize = 100;
const MORE_MB: f64 = 300.0;

/// What comes.
#[derive(Debug, Clone)]
pub struct Weather {
    /// How long events begin.
    pub length: Duration,
    /// What happens.
    pub events: Vec<Event>,
    /// Records of the input each second.
    pub per_second: u32,
}

/// What a storm needs.
#[derive(Debug, Clone)]
pub struct Storm {
    /// The program of the application.
    pub program: PathBuf,
    /// A folder for state and logs.
    pub folder: PathBuf,
}

/// What went wrong, as sentences.
type Faults = Vec<String>;

/// That a process, or each, may end by itself, as something is refused.
struct Permit {
    process: Option<usize>,
    /// Until when, if what is refused is granted again.
    until: Option<Instant>,
}

struct Watch<'a> {
    world: &'a World,
    events: &'a [Event],
    begin: Instant,
    permits: Mutex<Vec<Permit>>,
    wrong: Mutex<Faults>,
    touched: AtomicU64,
}

impl Storm {
    /// Passes over. Returns how many messages of the network were delayed, dropped or cut. What is wrong is in the error,
    /// one sentence a line; the report goes to standard output.
    pub fn pass(&self, weather: &Weather) -> Result<u64, String> {
        let text = |error: LabError| error.to_string();
        for event in &weather.events {
            println!("{}", serde_json::to_string(event).map_err(|error| error.to_string())?);
        }
        let world = World::create(&self.program, &self.folder).map_err(text)?;
        let client = world.client();
        let records = weather.per_second * u32::try_from(weather.length.as_secs()).unwrap_or(u32::MAX);
        let model = SoakModel { records: records + 2 * KEYS, keys: KEYS };
        model.fill_table(&client, &world.topics).map_err(text)?;
        for number in 0..PROCESSES {
            world.app(number).start().map_err(text)?;
        }
        // Faults of starts come with restarts; the first one may take its time.
        let begin = Instant::now();
        let runs = |number: usize| world.app(number).said().state == "RUNNING";
        while !(0..PROCESSES).all(runs) && begin.elapsed() < START_LIMIT {
            std::thread::sleep(TICK);
        }
        let reader = Reader::start(world.client(), &[&world.topics.counts, &world.topics.chains]);
        let during = usize::try_from(records).unwrap_or(usize::MAX);
        let feed = Feed::start(&client, &world.topics.input, model.input().take(during), weather.per_second);
        let watch = Watch {
            world: &world,
            events: &weather.events,
            begin: Instant::now(),
            permits: Mutex::default(),
            wrong: Mutex::new(Faults::new()),
            touched: AtomicU64::new(0),
        };
        watch.storm(weather.length);
        while !feed.is_done() {
            watch.supervise();
            std::thread::sleep(TICK);
        }
        watch.note(feed.finish());
        println!("{:>7.1}s calm", watch.seconds());
        if watch.wait_done() {
            watch.look_at_usage();
            // Processes that open their state again continue the values of all keys.
            watch.restart_all();
            let probe = model.input().skip(during);
            watch.note(Feed::start(&client, &world.topics.input, probe, weather.per_second).finish());
            watch.wait_done();
        }
        (0..PROCESSES).for_each(|number| watch.close(number));
        watch.judge(model, reader);
        let wrong = watch.wrong.into_inner().unwrap_or_else(PoisonError::into_inner);
        if wrong.is_empty() {
            return Ok(watch.touched.into_inner());
        }
        // The brokers' data go with them, and say best what happened.
        let kept = self.folder.join("brokers");
        let from = world.cluster.folder().unwrap_or(&self.folder);
        let copied = Command::new("cp").arg("-r").arg(from).arg(&kept).status();
        println!("the brokers' data: {} ({copied:?})", kept.display());
        Err(wrong.join("\n"))
    }
}

impl Watch<'_> {
    fn seconds(&self) -> f64 {
        self.begin.elapsed().as_secs_f64()
    }

    fn wrong(&self, what: impl Into<String>) {
        let what = what.into();
        println!("{:>7.1}s WRONG {what}", self.seconds());
        self.wrong.lock().unwrap_or_else(PoisonError::into_inner).push(what);
    }

    fn note<T>(&self, outcome: Result<T, LabError>) {
        if let Err(error) = outcome {
            self.wrong(error.to_string());
        }
    }

    /// Begins the events at their times; ends when the last has ended.
    fn storm(&self, length: Duration) {
        std::thread::scope(|scope| {
            let mut waiting = self.events.iter().peekable();
            let mut passing: Vec<ScopedJoinHandle<'_, ()>> = Vec::new();
            // A machine that stood still does not make events begin at once that have to be apart.
            let mut late_ms = 0;
            while self.begin.elapsed() < length || !passing.is_empty() {
                let now_ms = self.begin.elapsed().as_millis();
                while let Some(event) = waiting.next_if(|event| u128::from(event.at_ms) + late_ms <= now_ms) {
                    let behind_ms = now_ms - late_ms - u128::from(event.at_ms);
                    late_ms += if behind_ms > LATE_MS { behind_ms } else { 0 };
                    passing.push(scope.spawn(move || self.pass(event)));
                }
                passing.retain(|event| !event.is_finished());
                self.supervise();
                std::thread::sleep(TICK);
            }
        });
    }

    fn pass(&self, event: &Event) {
        let begin = self.seconds();
        let permit = event.fault.permits_an_end().then(|| self.permit(event.fault.process()));
        let told = faults::pass(self.world, event);
        if let Some(number) = permit
            && let Some(permit) = self.permits().get_mut(number)
        {
            permit.until = Some(Instant::now() + AFTERMATH);
        }
        println!("{begin:>7.1}s {} until {:.1}s: {}", event.fault.kind(), self.seconds(), told.text);
        self.touched.fetch_add(told.touched, Ordering::Relaxed);
        for (process, said) in told.ends {
            self.ended(process, &said);
        }
        for what in told.wrong {
            self.wrong(format!("{}: {what}", event.fault.kind()));
        }
    }

    fn permits(&self) -> MutexGuard<'_, Vec<Permit>> {
        self.permits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on a process, or each, may end by itself. The permit's number.
    fn permit(&self, process: Option<usize>) -> usize {
        let mut permits = self.permits();
        permits.push(Permit { process, until: None });
        permits.len() - 1
    }

    /// A process has ended by itself, or not in order: it may be permitted.
    fn ended(&self, process: usize, said: &str) {
        let permits = |permit: &Permit| {
            permit.process.is_none_or(|only| only == process)
                && permit.until.is_none_or(|until| Instant::now() <= until)
        };
        if self.permits().iter().any(permits) {
            println!("{:>7.1}s ended, as it may: {said}", self.seconds())
        } else {
            self.wrong(format!("ended by itself: {said}"))
        }
    }

    /// Starts what has ended; that it has may be wrong.
    fn supervise(&self) {
        for number in 0..PROCESSES {
            let mut app = self.world.app(number);
            if app.taken {
                continue;
            }
            match app.ended() {
                Ok(Some(said)) => self.ended(number, &said),
                Ok(None) => {}
                Err(error) => self.wrong(error.to_string()),
            }
            app.usage();
            self.note(app.start());
        }
    }

    /// Waits until everything that was written is processed.
    fn wait_done(&self) -> bool {
        let begin = Instant::now();
        loop {
            let left = self.left();
            if matches!(&left, Ok(left) if left.is_empty()) {
                return true;
            }
            if begin.elapsed() >= CALM_LIMIT {
                let said: Vec<_> = (0..PROCESSES).map(|number| self.world.app(number).said()).collect();
                self.wrong(format!("no end in {CALM_LIMIT:?}: {left:?}; {said:?}"));
                return false;
            }
            self.supervise();
            std::thread::sleep(TICK);
        }
    }

    /// What has not been committed yet, as committed and end offsets.
    fn left(&self) -> Result<Vec<String>, LabError> {
        let (client, between) = (self.world.client(), SoakTopics::repartition(APP));
        let topics = [self.world.topics.input.as_str(), &between];
        // Before the ends are asked for: they have what was written to one of the topics until then.
        let committed = client.committed_offsets(APP, &topics)?;
        let mut left = Vec::new();
        for topic in topics {
            for (partition, there) in (0..).zip(client.offsets(topic, false)?) {
                let done = committed.get(&(topic.to_owned(), partition)).map_or(0, |done| done.offset);
                // Nobody will process what was deleted.
                if done.max(there.begin) < there.end {
                    left.push(format!("{topic}-{partition}: {done} of {}", there.end));
                }
            }
        }
        Ok(left)
    }

    fn restart_all(&self) {
        for number in 0..PROCESSES {
            self.close(number);
            self.note(self.world.app(number).start());
        }
    }

    fn close(&self, number: usize) {
        match self.world.close(number) {
            Ok(None) => {}
            Ok(Some(said)) => self.ended(number, &said),
            Err(error) => self.wrong(error.to_string()),
        }
    }

    /// Memory, threads and files of processes that have lived through it are like those of new ones.
    fn look_at_usage(&self) {
        let old: Vec<_> = (0..PROCESSES).map(|number| self.world.app(number).usage()).collect();
        self.restart_all();
        // Until they have opened what they open.
        let settled = Instant::now();
        let (mut new, mut steady) = (Vec::<Option<ProcessUsage>>::new(), 0);
        while steady < 10 && settled.elapsed() < Duration::from_secs(90) {
            std::thread::sleep(TICK);
            let now: Vec<_> = (0..PROCESSES).map(|number| self.world.app(number).usage()).collect();
            let running = (0..PROCESSES).all(|number| self.world.app(number).said().state == "RUNNING");
            let threads = |usage: &[Option<ProcessUsage>]| -> Vec<usize> {
                usage.iter().flatten().map(|usage| usage.threads).collect()
            };
            steady = if running && threads(&now) == threads(&new) { steady + 1 } else { 0 };
            new = now;
        }
        let most = |of: fn(&ProcessUsage) -> f64| new.iter().flatten().map(of).fold(0.0, f64::max);
        let (threads, files, memory) =
            (most(|new| new.threads as f64), most(|new| new.open_files as f64), most(|new| new.rss_mb));
        for (number, old) in old.iter().enumerate() {
            let Some(old) = old else { continue };
            println!(
                "process {number}: {old:?}; new ones at most {threads} threads, {files} files, {memory} MB"
            );
            let grown = old.threads as f64 > threads + MORE_THREADS as f64
                || old.open_files as f64 > files + MORE_FILES as f64
                || old.rss_mb > memory + MORE_MB;
            if grown {
                self.wrong(format!("process {number} has grown: {old:?} against new ones {new:?}"));
            }
        }
    }

    fn judge(&self, model: SoakModel, reader: Reader) {
        let (client, topics) = (self.world.client(), &self.world.topics);
        let tell = |what: &str, outcome: Result<usize, String>| match outcome {
            Ok(count) => println!("{:>7.1}s {what}: {count}", self.seconds()),
            Err(what) => self.wrong(what),
        };
        tell("topics without an open transaction", verdict::nothing_open(&client));
        let lost = self.world.lost();
        let deleted: i64 = lost.iter().map(|lost| lost.offsets.end - lost.offsets.start).sum();
        let kept = usize::try_from(i64::from(model.records) - deleted).unwrap_or(0);
        let results = verdict::results(&client, topics, model, &lost);
        tell("records of the input, each once in the results", results.map(|()| kept));
        let states: Vec<_> =
            (0..PROCESSES).map(|number| self.world.app(number).state().to_path_buf()).collect();
        let state = verdict::state(&client, topics, &states);
        tell("rows of changelogs and of databases equal to the results", state);
        let read = |topic: &str| client.consume_all(topic, true);
        tell("results read as committed that are still there", reader.finish(read));
        for number in 0..PROCESSES {
            let app = self.world.app(number);
            println!("process {number}: started {} times, at most {:?}", app.starts, app.most);
        }
    }
}
