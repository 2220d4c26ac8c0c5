//! What those may who are let in: each missing right is named, and one that is away for seconds harms nobody.

use std::time::{Duration, Instant};

use field::{App, LIMIT, committed, logged, turn};
use lab::{Acl, Operation, Resource};
use streams_core::runtime::{KafkaStreams, State};

use crate::support::{IN_SECONDS, PRINCIPAL, Scenario, says};

#[test]
fn the_right_to_read_the_literal_group_is_enough_for_all_clients() {
    let _turn = turn();
    let scenario = Scenario::new("rights-enough");
    scenario.grant(|_| false);
    let app = App::run(scenario.counts(), scenario.logged_in());
    scenario.is_counted();
    // librdkafka asks for a coordinator every second or so.
    std::thread::sleep(Duration::from_secs(4));
    app.close();
    let told: Vec<String> =
        logged("rights-enough").into_iter().filter(|line| line.contains("uthoriz")).collect();
    assert!(told.is_empty(), "{told:#?}");
}

#[test]
fn a_group_that_may_not_be_read_ends_the_application() {
    let _turn = turn();
    let scenario = Scenario::new("rights-group");
    scenario.grant(|acl| matches!(acl.resource, Resource::Group(_)));
    let error = scenario.ends(scenario.counts(), scenario.logged_in());
    says(&error, &["READ", "group 'rights-group'"]);
}

#[test]
fn a_transactional_id_that_may_not_be_used_ends_the_application() {
    let _turn = turn();
    let scenario = Scenario::new("rights-transaction");
    scenario.grant(|acl| matches!(acl.resource, Resource::TransactionalIds(_)));
    let error = scenario.ends(scenario.counts(), scenario.logged_in());
    says(&error, &["WRITE", "transactional id", "rights-transaction"]);
}

#[test]
fn an_input_that_may_not_even_be_described_ends_the_application() {
    let _turn = turn();
    let scenario = Scenario::new("rights-unseen");
    let input = scenario.input();
    scenario.grant(|acl| acl.resource == Resource::Topic(&input));
    let error = scenario.ends(scenario.counts(), scenario.logged_in());
    says(&error, &["topic 'in.rights-unseen'"]);
}

#[test]
fn an_input_that_may_not_be_read_ends_the_application() {
    let _turn = turn();
    let scenario = Scenario::new("rights-unread");
    let input = scenario.input();
    scenario.grant(|acl| acl.resource == Resource::Topic(&input));
    let described = Acl::allow(PRINCIPAL, Resource::Topic(&input), Operation::Describe);
    scenario.client.create_acls(&[described]).expect("a right");
    // Showed before: REBALANCING, and after that RUNNING, for task.timeout.ms.
    let error = scenario.ends(scenario.counts(), scenario.logged_in());
    says(&error, &["READ", "topic 'in.rights-unread'"]);
}

/// Showed before: ended three seconds after the first refusal, though the right was there again.
#[test]
fn rights_that_come_a_moment_after_the_start_are_in_time() {
    let _turn = turn();
    let scenario = Scenario::new("rights-late");
    scenario.grant(|_| false);
    let input = scenario.input();
    let denied = [
        Acl::deny(PRINCIPAL, Resource::Group(&scenario.app), Operation::All),
        Acl::deny(PRINCIPAL, Resource::Topic(&input), Operation::Read),
    ];
    scenario.client.create_acls(&denied).expect("denied");
    let streams = KafkaStreams::new(scenario.counts(), scenario.logged_in()).expect("settings are fine");
    streams.start().expect("it starts");
    // The first refusal comes sooner, and after three seconds the next decides.
    std::thread::sleep(Duration::from_millis(500));
    scenario.client.delete_acls(&denied).expect("allowed");
    scenario.is_counted();
    assert!(streams.error().is_none(), "{:?}", streams.error());
    assert!(streams.close(LIMIT));
}

#[test]
fn an_output_that_may_not_be_written_ends_the_application() {
    let _turn = turn();
    for guarantee in ["exactly_once_v2", "at_least_once"] {
        let scenario = Scenario::new(&format!("rights-unwritten-{guarantee}"));
        let output = scenario.output();
        scenario.grant(|acl| acl.resource == Resource::Topic(&output));
        let described = Acl::allow(PRINCIPAL, Resource::Topic(&output), Operation::Describe);
        scenario.client.create_acls(&[described]).expect("a right");
        let mut config = scenario.logged_in();
        config.set("processing.guarantee", guarantee).expect("a setting");
        let error = scenario.ends(scenario.copies(), config);
        says(&error, &["WRITE", &output]);
    }
}

/// Showed before: REBALANCING forever, as long as the state was there; the changelog's end may be asked for by who writes.
#[test]
fn a_changelog_that_may_not_be_read_ends_the_application_that_needs_it() {
    let _turn = turn();
    let scenario = Scenario::new("rights-changelog");
    scenario.grant(|_| false);
    scenario.counts_with(scenario.logged_in());
    let topics = scenario.client.topics().expect("topics");
    let is_ours = |topic: &&String| topic.starts_with("rights-changelog-") && topic.ends_with("-changelog");
    let changelog = topics.iter().find(is_ours).expect("a changelog");
    let denied = Acl::deny(PRINCIPAL, Resource::Topic(changelog), Operation::Read);
    scenario.client.create_acls(&[denied]).expect("denied");
    let empty = tempfile::tempdir().expect("a folder");
    let mut config = scenario.logged_in();
    config.set("state.dir", empty.path().display().to_string()).expect("a setting");
    says(&scenario.ends(scenario.counts(), config), &["READ", changelog]);
}

#[test]
fn internal_topics_that_may_not_be_created_end_the_application() {
    let _turn = turn();
    let scenario = Scenario::new("rights-uncreated");
    scenario.grant(|acl| acl.operation == Operation::Create);
    let error = scenario.ends(scenario.counts(), scenario.logged_in());
    says(&error, &["CREATE", "topic 'rights-uncreated-"]);
}

#[test]
fn rights_that_are_away_for_seconds_cost_nothing() {
    let _turn = turn();
    let scenario = Scenario::new("rights-away");
    scenario.grant(|_| false);
    let app = App::run(scenario.counts(), scenario.logged_in());
    scenario.is_counted();
    let (input, output) = (scenario.input(), scenario.output());
    let denied = [
        Acl::deny(PRINCIPAL, Resource::Topic(&input), Operation::Read),
        Acl::deny(PRINCIPAL, Resource::Group(&scenario.app), Operation::Read),
    ];
    scenario.client.create_acls(&denied).expect("denied");
    scenario.feed(["is"]);
    std::thread::sleep(Duration::from_secs(4));
    scenario.client.delete_acls(&denied).expect("allowed");
    let found = committed(&scenario.client, &output, 7);
    assert_eq!(found.last().map(|record| record.key_text()).as_deref(), Some("is"));
    let begin = Instant::now();
    while app.streams.state() != streams_core::runtime::State::Running {
        assert!(begin.elapsed() < LIMIT, "{:?}: {:?}", app.streams.state(), app.streams.error());
        std::thread::sleep(Duration::from_millis(50));
    }
    app.close();
}

/// It starts again by itself, for more partitions, and may not see its input meanwhile.
#[test]
fn rights_that_go_while_it_starts_again_are_waited_for_and_then_named() {
    let _turn = turn();
    for come_back in [true, false] {
        let scenario = Scenario::new(&format!("rights-again-{come_back}"));
        scenario.grant(|_| false);
        let (input, output) = (scenario.input(), scenario.output());
        let mut config = scenario.logged_in();
        config.set("metadata.max.age.ms", 500).expect("a setting");
        let app = App::run(scenario.copies(), config);
        committed(&scenario.client, &output, 2);
        let denied = [Acl::deny(PRINCIPAL, Resource::Topic(&input), Operation::All)];
        scenario.client.add_partitions(&input, 4).expect("more partitions");
        let starts_again = app.streams.wait_for(LIMIT, |state| state != State::Running);
        scenario.client.create_acls(&denied).expect("denied");
        assert!(starts_again, "{:?}", app.streams.reasons());
        if come_back {
            std::thread::sleep(Duration::from_secs(4));
            scenario.client.delete_acls(&denied).expect("allowed");
            scenario.feed(["that is", "the question"]);
            committed(&scenario.client, &output, 4);
            app.wait(State::Running);
            app.close();
        } else {
            let ended = app.streams.wait_for(IN_SECONDS, State::is_final);
            assert!(ended, "{:?}", app.streams.reasons());
            says(&app.streams.error().expect("a reason").to_string(), &["grant", &input]);
        }
    }
}
