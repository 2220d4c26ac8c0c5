//! The names of a foreign-key join's parts, in the order in which they take numbers (`KTableImpl.doJoinOnForeignKey`).

use crate::graph::Plan;
use crate::naming::prefix;

const TOPIC_SUFFIX: &str = "-topic";

/// The names of the nodes, topics and the store between the two tables.
pub(super) struct ForeignKeyNames {
    pub(super) registration_topic: String,
    pub(super) registration: String,
    pub(super) registration_sink: String,
    pub(super) registration_source: String,
    pub(super) store: String,
    pub(super) receive: String,
    pub(super) join_foreign: String,
    pub(super) foreign_join: String,
    pub(super) response_topic: String,
    pub(super) response_sink: String,
    pub(super) response_source: String,
    pub(super) resolver: String,
    pub(super) result: String,
}

impl ForeignKeyNames {
    /// Takes thirteen numbers, whether the user names the join or not.
    pub(super) fn new(plan: &mut Plan, given: Option<&str>) -> Self {
        let mut name = |suffix: &str, prefix: &str| plan.suffixed_or_new(given, suffix, prefix);
        ForeignKeyNames {
            registration_topic: name("-subscription-registration", prefix::FK_REGISTRATION) + TOPIC_SUFFIX,
            registration: name("-subscription-registration-processor", prefix::FK_REGISTRATION),
            registration_sink: name("-subscription-registration-sink", prefix::TABLE_SINK),
            registration_source: name("-subscription-registration-source", prefix::TABLE_SOURCE),
            store: name("-subscription-store", prefix::FK_STORE),
            receive: name("-subscription-receive", prefix::FK_PROCESSOR),
            join_foreign: name("-subscription-join-foreign", prefix::FK_PROCESSOR),
            foreign_join: name("-foreign-join-subscription", prefix::FK_PROCESSOR),
            response_topic: name("-subscription-response", prefix::FK_RESPONSE) + TOPIC_SUFFIX,
            response_sink: name("-subscription-response-sink", prefix::TABLE_SINK),
            response_source: name("-subscription-response-source", prefix::TABLE_SOURCE),
            resolver: name("-subscription-response-resolver", prefix::FK_RESOLVER),
            result: name("-result", prefix::FK_OUTPUT),
        }
    }
}
