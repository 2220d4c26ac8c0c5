//! The READMEs of the project and of `kstreams` share their first sections.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use publish::root;

const BEGINS: &str = "## A first result";

/// The shared sections: from the first program to the features.
fn first_page(text: &str) -> Vec<&str> {
    let sections: Vec<_> = text.match_indices("\n## ").map(|(at, _)| at + 1).collect();
    let first = sections.iter().position(|at| text[*at..].starts_with(BEGINS)).unwrap();
    sections.windows(2).skip(first).take(4).map(|section| &text[section[0]..section[1]]).collect()
}

#[test]
fn the_front_pages_begin_alike() {
    let read = |path: &str| std::fs::read_to_string(root().join(path)).unwrap();
    let (project, of_crate) = (read("README.md"), read("kstreams/README.md"));
    assert_eq!(first_page(&project), first_page(&of_crate), "README.md and kstreams/README.md");
    assert!(first_page(&project).last().unwrap().starts_with("## Features"));
}
