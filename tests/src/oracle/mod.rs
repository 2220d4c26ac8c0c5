//! The random oracle: this library and Kafka Streams run the same random cases, and must agree on everything.
//!
//! | file | what |
//! |---|---|
//! | `case` | a case as data |
//! | `generate`, `target`, `script`, `rng` | draw a topology and its input from a seed |
//! | `ops` | the operators, one file a family; says how to add one |
//! | `lambdas` | the catalogue of user functions |
//! | `engine`, `java` | run a case here and there |
//! | `outcome`, `compare` | what came out, and the first difference |
//! | `shrink` | makes a case small |
//! | `evidence`, `coverage` | what was really exercised |
//! | `campaign` | a run |
//!
//! The Java side is `tests/java/src/main/java/lab/oracle`.

pub mod campaign;
pub mod case;
mod compare;
pub mod coverage;
mod engine;
pub mod evidence;
pub mod generate;
mod java;
pub mod lambdas;
pub mod ops;
pub mod outcome;
mod rng;
mod script;
mod shrink;
mod target;

pub use java::JavaOracle;
