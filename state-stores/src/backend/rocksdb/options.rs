//! How RocksDB is set up, and the memory that all databases of a process share.

use rocksdb::{
    BlockBasedOptions, Cache, DBCompactionStyle, DBCompressionType, DBRecoveryMode, LogLevel, Options,
    WriteBufferManager, WriteOptions,
};

/// How much of the write-ahead log may pile up: bounds the time to reopen after a crash.
const WAL_BYTES_MAX: u64 = 64 << 20;
/// The largest memtable of one keyspace; the shared budget usually flushes it earlier.
const MEMTABLE_BYTES: usize = 16 << 20;
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
            // No stall: over the budget the largest memtable is flushed, and writers go on meanwhile.
            write_buffers: WriteBufferManager::new_write_buffer_manager(write_buffer_bytes, false),
        }
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
    options.set_max_total_wal_size(WAL_BYTES_MAX);
    options.set_write_buffer_manager(&memory.write_buffers);
    options.set_write_buffer_size(MEMTABLE_BYTES);
    // Levels, not universal: keys of window stores start with their time segment, so a level's files are
    // slices of time, and compacting an expired range touches those files only. Universal compaction would
    // rewrite everything.
    options.set_compaction_style(DBCompactionStyle::Level);
    options.set_target_file_size_base(FILE_BYTES);
    options.set_compression_type(DBCompressionType::None);
    options.set_max_background_jobs(2);
    options.set_log_level(LogLevel::Error);
    options.set_max_log_file_size(INFO_LOG_BYTES);
    options.set_keep_log_file_num(INFO_LOG_FILES);
    options.set_stats_dump_period_sec(0);
    options.set_stats_persist_period_sec(0);
    options.set_block_based_table_factory(&tables(memory));
    options
}

fn tables(memory: &RocksMemory) -> BlockBasedOptions {
    let mut tables = BlockBasedOptions::default();
    tables.set_block_cache(&memory.block_cache);
    tables.set_bloom_filter(BLOOM_BITS_PER_KEY, false);
    // Index and filters count towards the bound as well, else memory would grow with the data.
    tables.set_cache_index_and_filter_blocks(true);
    tables.set_cache_index_and_filter_blocks_with_high_priority(true);
    tables.set_pin_l0_filter_and_index_blocks_in_cache(true);
    tables
}

/// Logged but not synced: the log is in the kernel's hands when a write returns, so a killed process loses
/// nothing.
pub(super) fn write_options() -> WriteOptions {
    let mut options = WriteOptions::default();
    options.set_sync(false);
    options
}
