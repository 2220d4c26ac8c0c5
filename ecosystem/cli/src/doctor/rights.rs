//! Rights that the application's principal needs, as the security guide lists them.

use streams_core::transport::{AclEntry, AclResource};

use super::facts::{Cluster, Needs, Rights};
use super::finding::{Finding, Severity};

/// The name of the cluster in rights.
const CLUSTER: &str = "kafka-cluster";

/// A right that is needed.
struct Right {
    operation: &'static str,
    resource: AclResource,
    name: String,
    /// Whether it has to count for all names that begin so.
    is_prefix: bool,
    /// What it is for.
    why: &'static str,
    severity: Severity,
}

/// Compares what is granted with what is needed.
pub(super) fn check(needs: &Needs, cluster: &Cluster, found: &mut Vec<Finding>) {
    let (Some(principal), Some(rights)) = (&needs.principal, &cluster.rights) else { return };
    let granted = match rights {
        Rights::Known(granted) => granted,
        Rights::Open(why) => {
            let what = format!("everything is allowed: {why}");
            found.push(Finding::note("rights", principal, what, "nothing has to be granted"));
            return;
        }
        Rights::Unseen(why) => {
            let what = format!("rights are not known: {why}");
            let change = "run this command as a principal with DESCRIBE on the cluster";
            found.push(Finding::warning("rights", principal, what, change));
            return;
        }
    };
    for right in needed(needs).iter().filter(|right| !is_granted(granted, principal, right)) {
        let kind = match (right.resource, right.is_prefix) {
            (AclResource::Topic, false) => "--topic",
            (AclResource::Topic, true) => "--resource-pattern-type prefixed --topic",
            (AclResource::Group, _) => "--group",
            (AclResource::TransactionalId, _) => "--resource-pattern-type prefixed --transactional-id",
            (AclResource::Other, _) => "--cluster",
        };
        let (operation, name) = (right.operation, &right.name);
        let what = format!("{principal} has no right {operation}, which is needed {}", right.why);
        let change = format!(
            "kafka-acls.sh --add --allow-principal {principal} --operation {operation} {kind} {name}"
        );
        found.push(Finding {
            severity: right.severity,
            check: "rights",
            subject: name.clone(),
            what,
            change,
        });
    }
}

fn needed(needs: &Needs) -> Vec<Right> {
    use AclResource::{Group, Topic, TransactionalId};
    let right = |operation, resource, name: &str, is_prefix, why, severity| Right {
        operation,
        resource,
        name: name.to_owned(),
        is_prefix,
        why,
        severity,
    };
    let (id, prefix) = (&needs.application_id, format!("{}-", needs.application_id));
    let error = Severity::Error;
    let mut all = vec![right("READ", Group, id, false, "to be a member of the group", error)];
    let inputs = needs.topology.inputs();
    all.extend(inputs.into_iter().map(|topic| right("READ", Topic, topic, false, "to read it", error)));
    let sinks = needs.topology.sinks.iter();
    all.extend(sinks.map(|topic| right("WRITE", Topic, topic, false, "to write results", error)));
    if !needs.changelogs().is_empty() || !needs.topology.repartition.is_empty() {
        for (operation, why, severity) in [
            ("CREATE", "to create internal topics", error),
            ("READ", "to read internal topics", error),
            ("WRITE", "to write internal topics", error),
            ("DELETE", "to delete processed records of repartition topics", Severity::Warning),
            ("DESCRIBE_CONFIGS", "to check that changelogs fit their stores", Severity::Warning),
        ] {
            all.push(right(operation, Topic, &prefix, true, why, severity));
        }
    }
    if needs.exactly_once {
        all.push(right("WRITE", TransactionalId, id, true, "for transactions", error));
    }
    all
}

/// Whether something allows it and nothing denies it. READ, WRITE, DELETE and ALTER bring DESCRIBE with them, which is not
/// asked for by itself.
fn is_granted(granted: &[AclEntry], principal: &str, right: &Right) -> bool {
    let is_ours = |entry: &&AclEntry| entry.principal == principal || entry.principal == "User:*";
    let does = |entry: &&AclEntry| entry.operation == "ALL" || entry.operation == right.operation;
    let covers = |entry: &AclEntry| {
        let of_cluster =
            right.operation == "CREATE" && entry.name == CLUSTER && entry.resource == AclResource::Other;
        let all = entry.name == "*" && !entry.is_prefix;
        let same = match (entry.is_prefix, right.is_prefix) {
            (true, _) => right.name.starts_with(&entry.name),
            (false, false) => entry.name == right.name,
            (false, true) => false,
        };
        of_cluster || (entry.resource == right.resource && (all || same))
    };
    let relevant: Vec<&AclEntry> =
        granted.iter().filter(is_ours).filter(does).filter(|entry| covers(entry)).collect();
    relevant.iter().any(|entry| entry.is_allowed) && relevant.iter().all(|entry| entry.is_allowed)
}

#[cfg(test)]
mod tests {
    use super::super::facts::tests::{cluster, needs};
    use super::*;
    use crate::topology::facts::{Facts, Store};

    fn entry(operation: &str, resource: AclResource, name: &str, is_prefix: bool) -> AclEntry {
        AclEntry {
            principal: "User:app".to_owned(),
            host: "*".to_owned(),
            resource,
            name: name.to_owned(),
            is_prefix,
            operation: operation.to_owned(),
            is_allowed: true,
        }
    }

    fn missing(granted: Vec<AclEntry>) -> Vec<String> {
        let mut facts = Facts::default();
        facts.sources.insert(0, ["in".to_owned()].into());
        facts.sinks.insert("out".to_owned());
        facts.stores.insert("counts".to_owned(), Store { subtopology: Some(0), ..Store::default() });
        let needs = Needs { principal: Some("User:app".to_owned()), ..needs(facts) };
        let mut cluster = cluster(&[]);
        cluster.rights = Some(Rights::Known(granted));
        let mut found = Vec::new();
        check(&needs, &cluster, &mut found);
        found
            .into_iter()
            .map(|finding| {
                let operation = finding.change.split(" --operation ").nth(1).unwrap_or_default().to_owned();
                operation.split(' ').next().unwrap_or_default().to_owned() + " " + &finding.subject
            })
            .collect()
    }

    #[test]
    fn rights_that_are_missing_are_named() {
        let none = missing(Vec::new());
        let all = [
            "READ app",
            "READ in",
            "WRITE out",
            "CREATE app-",
            "READ app-",
            "WRITE app-",
            "DELETE app-",
            "DESCRIBE_CONFIGS app-",
            "WRITE app",
        ];
        assert_eq!(none, all);
    }

    #[test]
    fn wider_rights_count_and_denials_win() {
        use AclResource::{Group, Other, Topic, TransactionalId};
        let mut granted = vec![
            entry("READ", Group, "*", false),
            entry("ALL", Topic, "app", true),
            entry("READ", Topic, "in", false),
            entry("WRITE", Topic, "o", true),
            entry("WRITE", TransactionalId, "app", true),
        ];
        assert_eq!(missing(granted.clone()), Vec::<String>::new());
        granted.push(AclEntry { is_allowed: false, ..entry("WRITE", Topic, "out", false) });
        assert_eq!(missing(granted.clone()), ["WRITE out"]);
        granted.pop();
        granted.iter_mut().for_each(|entry| entry.principal = "User:other".to_owned());
        assert_eq!(missing(granted).len(), 9);
        let created = missing(vec![entry("CREATE", Other, CLUSTER, false)]);
        assert!(!created.contains(&"CREATE app-".to_owned()), "{created:?}");
    }

    #[test]
    fn a_literal_right_is_not_one_for_a_prefix() {
        let literal = missing(vec![entry("WRITE", AclResource::TransactionalId, "app", false)]);
        assert!(literal.contains(&"WRITE app".to_owned()), "{literal:?}");
    }
}
