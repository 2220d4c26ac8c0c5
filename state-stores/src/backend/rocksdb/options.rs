//! RocksDB's options, and the memory that all databases of a process share.

use rocksdb::{
    BlockBasedOptions, Cache, DBCompactionStyle, DBCompressionType, DBRecoveryMode, LogLevel, Options,
    WriteBufferManager, WriteOptions,
};

/// The bound of a database's write-ahead log, which bounds the time to reopen after a crash.
const WAL_BYTES_MAX: u64 = 64 << 20;
/// The smallest such bound, where many databases share a disk.
const WAL_BYTES_MIN: u64 = 4 << 20;
/// The bound of the logs of all databases together, unless each is at its minimum.
const ALL_WAL_BYTES: u64 = 1 << 30;
/// The largest memtable of one keyspace; the shared budget usually flushes it earlier.
const MEMTABLE_BYTES_MAX: usize = 16 << 20;
/// The smallest memtable: below it, files would be too small.
const MEMTABLE_BYTES_MIN: usize = 512 << 10;
/// The fewest files that a database may keep open; RocksDB itself wants 20.
const OPEN_FILES_MIN: u64 = 32;
/// The most files that a database needs to keep open.
const OPEN_FILES_MAX: u64 = 1 << 20;
/// The fewest files that share a lock and a limit; RocksDB's default has the most such parts.
const FILES_OF_PART: i32 = 64;
const SHARD_BITS_MAX: i32 = 6;
/// Concurrent compactions and flushes, on any machine.
const BACKGROUND_JOBS_MAX: usize = 16;
/// Size of a level file. Small, so that expired time segments fill whole files, which are dropped and not
/// rewritten.
const FILE_BYTES: u64 = 16 << 20;
const BLOOM_BITS_PER_KEY: f64 = 10.0;
const INFO_LOG_BYTES: usize = 1 << 20;
const INFO_LOG_FILES: usize = 2;

/// One bounded block cache and one write-buffer budget for all databases of a process. Clones share them.
#[derive(Clone)]
pub struct RocksMemory {
    block_cache: Cache,
    write_buffers: WriteBufferManager,
    write_buffer_bytes: usize,
    parts: Parts,
}

/// The limits of a single database, or of a keyspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Parts {
    /// One memtable; a keyspace may have two, while one of them is flushed.
    memtable_bytes: usize,
    wal_bytes: u64,
    open_files: i32,
}

impl Parts {
    fn of(write_buffer_bytes: usize, databases: usize, keyspaces: usize, open_files: u64) -> Self {
        let databases = u64::try_from(databases.max(1)).unwrap_or(u64::MAX);
        // Each keyspace keeps its directory open.
        let open_files = open_files.saturating_sub(u64::try_from(keyspaces).unwrap_or(u64::MAX));
        let files = (open_files / databases).clamp(OPEN_FILES_MIN, OPEN_FILES_MAX);
        Parts {
            memtable_bytes: (write_buffer_bytes / keyspaces.max(1))
                .clamp(MEMTABLE_BYTES_MIN, MEMTABLE_BYTES_MAX),
            wal_bytes: (ALL_WAL_BYTES / databases).clamp(WAL_BYTES_MIN, WAL_BYTES_MAX),
            open_files: i32::try_from(files).unwrap_or(i32::MAX),
        }
    }
}

impl std::fmt::Debug for RocksMemory {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("RocksMemory")
            .field("block_cache_bytes", &self.block_cache.get_usage())
            .field("write_buffer_bytes", &self.write_buffers.get_usage())
            .finish()
    }
}

impl RocksMemory {
    /// Bounds the cached blocks (data, index and filters) and the not yet flushed writes of all databases
    /// together.
    pub fn new(block_cache_bytes: usize, write_buffer_bytes: usize) -> Self {
        RocksMemory {
            block_cache: Cache::new_lru_cache(block_cache_bytes),
            // No stall: over the budget the largest memtable is flushed, while writers continue.
            write_buffers: WriteBufferManager::new_write_buffer_manager(write_buffer_bytes, false),
            write_buffer_bytes,
            parts: Parts::of(write_buffer_bytes, 1, 1, open_files()),
        }
    }

    /// Divides what RocksDB does not bound for all databases together: memtables, as a keyspace fills its own before the
    /// shared budget makes it flush; logs; and open files. Raises the process's limit of open files to what the system
    /// allows, as the JVM does.
    #[must_use]
    pub fn shared_by(self, databases: usize, keyspaces: usize) -> Self {
        raise_open_files();
        let parts = Parts::of(self.write_buffer_bytes, databases, keyspaces, open_files());
        RocksMemory { parts, ..self }
    }

    /// Bytes of blocks that are cached now.
    pub fn block_cache_bytes(&self) -> usize {
        self.block_cache.get_usage()
    }

    /// Bytes of writes that are not flushed to files now.
    pub fn write_buffer_bytes(&self) -> usize {
        self.write_buffers.get_usage()
    }
}

/// The options of a database and of each of its column families.
pub(super) fn options(memory: &RocksMemory) -> Options {
    let mut options = Options::default();
    options.create_if_missing(true);
    // After a crash the database is exactly as it was after some batch: the last one, unless the machine
    // died.
    options.set_wal_recovery_mode(DBRecoveryMode::PointInTime);
    options.set_max_total_wal_size(memory.parts.wal_bytes);
    // Otherwise all files of all databases stay open.
    options.set_max_open_files(memory.parts.open_files);
    // Otherwise each keyspace of a database starts fifteen threads while it is opened, however few files it has.
    options.set_max_file_opening_threads(1);
    options.set_table_cache_num_shard_bits(shard_bits(memory.parts.open_files));
    options.set_write_buffer_manager(&memory.write_buffers);
    options.set_write_buffer_size(memory.parts.memtable_bytes);
    // Levels, not universal: keys of window stores start with their time segment, so a level's files are
    // slices of time, and compacting an expired range touches those files only. Universal compaction would
    // rewrite everything.
    options.set_compaction_style(DBCompactionStyle::Level);
    options.set_target_file_size_base(FILE_BYTES);
    options.set_compression_type(DBCompressionType::None);
    // For all databases of the process together: they share RocksDB's threads.
    let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    options.set_max_background_jobs(i32::try_from(cores.clamp(2, BACKGROUND_JOBS_MAX)).unwrap_or(2));
    options.set_log_level(LogLevel::Error);
    options.set_max_log_file_size(INFO_LOG_BYTES);
    options.set_keep_log_file_num(INFO_LOG_FILES);
    options.set_stats_dump_period_sec(0);
    options.set_stats_persist_period_sec(0);
    options.set_block_based_table_factory(&tables(memory));
    options
}

/// For a database that nothing else repeats: damage within the log is an error, before anything is changed. After a restart
/// of the machine it is not one, as a log that was not synced may have gaps then; the database is what was before the gap.
pub(super) fn refuse_damaged_log(options: &mut Options, machine_restarted: bool) {
    if !machine_restarted {
        options.set_wal_recovery_mode(DBRecoveryMode::TolerateCorruptedTailRecords);
    }
    // A log that is not the last one is missing otherwise without an error.
    options.set_track_and_verify_wals_in_manifest(true);
}

/// RocksDB divides the files that may be open into 64 parts of at least one file each. Few files need fewer parts.
fn shard_bits(open_files: i32) -> i32 {
    let parts = u32::try_from(open_files / FILES_OF_PART).unwrap_or(1).max(1);
    i32::try_from(parts.ilog2()).unwrap_or(0).min(SHARD_BITS_MAX)
}

/// Raises the soft limit of open files to the hard one. If that fails, the old limit stays.
#[cfg(unix)]
fn raise_open_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    if limit.current == limit.maximum {
        return;
    }
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }) {
        tracing::warn!(%error, ?limit, "the limit of open files stays; with much state, raise it (`ulimit -n`)");
    }
}

#[cfg(not(unix))]
fn raise_open_files() {}

/// How many files all databases together may keep open: three quarters of the process's limit.
#[cfg(unix)]
fn open_files() -> u64 {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    limit.current.map_or(OPEN_FILES_MAX, |files| files / 4 * 3)
}

#[cfg(not(unix))]
fn open_files() -> u64 {
    384
}

fn tables(memory: &RocksMemory) -> BlockBasedOptions {
    let mut tables = BlockBasedOptions::default();
    tables.set_block_cache(&memory.block_cache);
    tables.set_bloom_filter(BLOOM_BITS_PER_KEY, false);
    // Index and filters count towards the bound as well; otherwise memory would grow with the data.
    tables.set_cache_index_and_filter_blocks(true);
    tables.set_cache_index_and_filter_blocks_with_high_priority(true);
    tables.set_pin_l0_filter_and_index_blocks_in_cache(true);
    tables
}

/// Logged but not synced: the kernel has the log when a write returns, so a killed process loses
/// nothing.
pub(super) fn write_options() -> WriteOptions {
    let mut options = WriteOptions::default();
    options.set_sync(false);
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_databases_have_all_they_want_and_many_have_their_part() {
        let few = Parts::of(64 << 20, 4, 4, 200_000);
        assert_eq!((few.memtable_bytes, few.wal_bytes, few.open_files), (16 << 20, 64 << 20, 49_999));
        let many = Parts::of(64 << 20, 400, 800, 768);
        assert_eq!((many.memtable_bytes, many.wal_bytes, many.open_files), (512 << 10, 4 << 20, 32));
        let none = Parts::of(64 << 20, 0, 0, 768);
        assert_eq!((none.memtable_bytes, none.open_files), (16 << 20, 768));
    }

    #[test]
    fn few_files_are_in_few_parts() {
        assert_eq!([32, 63, 64, 128, 768, 1 << 20].map(shard_bits), [0, 0, 0, 1, 3, 6]);
    }

    #[cfg(unix)]
    #[test]
    fn the_process_may_open_as_many_files_as_the_system_allows() {
        let memory = RocksMemory::new(1 << 20, 1 << 20).shared_by(1, 1);
        let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
        assert_eq!(limit.current, limit.maximum);
        assert!(memory.parts.open_files >= 32);
    }
}
