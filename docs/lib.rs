//! Compiles the code in the README and in these pages, so that none of it goes stale.

#[doc = include_str!("../README.md")]
pub mod readme {}

#[doc = include_str!("ARCHITECTURE.md")]
pub mod architecture {}

#[doc = include_str!("GLOSSARY.md")]
pub mod glossary {}

#[doc = include_str!("storm.md")]
pub mod storm {}

/// How to use it.
pub mod guide {
    #[doc = include_str!("guide/dsl.md")]
    pub mod dsl {}

    #[doc = include_str!("guide/joins.md")]
    pub mod joins {}

    #[doc = include_str!("guide/tables.md")]
    pub mod tables {}

    #[doc = include_str!("guide/windows-and-time.md")]
    pub mod windows_and_time {}

    #[doc = include_str!("guide/processor-api.md")]
    pub mod processor_api {}

    #[doc = include_str!("guide/testing.md")]
    pub mod testing {}

    #[doc = include_str!("guide/embedded.md")]
    pub mod embedded {}

    #[doc = include_str!("guide/security.md")]
    pub mod security {}

    #[doc = include_str!("guide/running.md")]
    pub mod running {}

    #[doc = include_str!("guide/bad-data.md")]
    pub mod bad_data {}

    #[doc = include_str!("guide/evolving.md")]
    pub mod evolving {}

    #[doc = include_str!("guide/cli.md")]
    pub mod cli {}

    #[doc = include_str!("guide/configuration.md")]
    pub mod configuration {}

    #[doc = include_str!("guide/serdes.md")]
    pub mod serdes {}

    #[doc = include_str!("guide/event-time.md")]
    pub mod event_time {}

    #[doc = include_str!("guide/partitioning.md")]
    pub mod partitioning {}

    #[doc = include_str!("guide/integration-tests.md")]
    pub mod integration_tests {}
}

/// What was decided, why, and what was rejected.
pub mod decisions {
    #[doc = include_str!("decisions/0001-log-without-sync.md")]
    pub mod log_without_sync {}

    #[doc = include_str!("decisions/0002-overlay-by-serialized-key.md")]
    pub mod overlay_by_serialized_key {}

    #[doc = include_str!("decisions/0003-with-twins.md")]
    pub mod with_twins {}

    #[doc = include_str!("decisions/0004-one-way-of-repair.md")]
    pub mod one_way_of_repair {}

    #[doc = include_str!("decisions/0005-changelog-offsets-are-counted.md")]
    pub mod changelog_offsets_are_counted {}

    #[doc = include_str!("decisions/0006-restore-to-the-high-watermark.md")]
    pub mod restore_to_the_high_watermark {}

    #[doc = include_str!("decisions/0007-deferred-backend-writes.md")]
    pub mod deferred_backend_writes {}

    #[doc = include_str!("decisions/0008-sweep-what-markers-missed.md")]
    pub mod sweep_what_markers_missed {}

    #[doc = include_str!("decisions/0009-closed-windows-without-an-index.md")]
    pub mod closed_windows_without_an_index {}

    #[doc = include_str!("decisions/0010-a-topic-for-the-tasks-of-a-pattern.md")]
    pub mod a_topic_for_the_tasks_of_a_pattern {}

    #[doc = include_str!("decisions/0013-refused-records.md")]
    pub mod refused_records {}

    #[doc = include_str!("decisions/0015-one-owner-by-construction.md")]
    pub mod one_owner_by_construction {}

    #[doc = include_str!("decisions/0016-refusals-and-idle-offsets.md")]
    pub mod refusals_and_idle_offsets {}

    #[doc = include_str!("decisions/0023-judged-from-outside.md")]
    pub mod judged_from_outside {}

    #[doc = include_str!("decisions/0041-what-is-public.md")]
    pub mod what_is_public {}
}
