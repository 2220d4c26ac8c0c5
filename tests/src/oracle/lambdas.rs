//! The catalogue of user functions: small, named, with parameters, and the same in `Lambdas.java`.
//!
//! A function is data: `{"f": name, ...parameters}`. It never fails; where Java would see a null, it sees the text `null`.

use std::sync::Arc;

use serde_json::{Value, json};

use super::case::Fault;
use super::rng::Rng;

/// A key or value that may be null, as all of Java's may.
pub type Text = Option<String>;

/// How much of a list is kept, so that values do not grow without end.
const LIST_CHARS: usize = 14;

/// `(key, value) -> bool`.
pub type Predicate = Arc<dyn Fn(&Text, &Text) -> bool + Send + Sync>;
/// `(key, value) -> value`, or `-> key`.
pub type Mapper = Arc<dyn Fn(&Text, &Text) -> Text + Send + Sync>;
/// `(key, value) -> records`.
pub type FlatMapper = Arc<dyn Fn(&Text, &Text) -> Vec<(Text, Text)> + Send + Sync>;
/// `(left, right) -> value`; reducers and mergers too.
pub type Joiner = Arc<dyn Fn(&Text, &Text) -> Text + Send + Sync>;

/// As Java prints it.
pub fn shown(text: &Text) -> &str {
    text.as_deref().unwrap_or("null")
}

/// The sum of the text's UTF-8 bytes.
pub fn sum(text: &Text) -> i64 {
    shown(text).bytes().map(i64::from).sum()
}

/// The last characters of a list.
pub fn tail(text: String) -> String {
    let skip = text.chars().count().saturating_sub(LIST_CHARS);
    text.chars().skip(skip).collect()
}

fn parameter(lambda: &Value, name: &str) -> i64 {
    lambda[name].as_i64().unwrap_or(2)
}

/// Whether a number leaves the remainder `r` when divided by `n`.
pub fn divides(lambda: &Value, what: i64) -> bool {
    what % parameter(lambda, "n").max(1) == parameter(lambda, "r")
}

fn name(lambda: &Value) -> Result<&str, Fault> {
    Ok(lambda["f"].as_str().ok_or("a lambda without its name")?)
}

fn unknown(what: &str, name: &str) -> Fault {
    format!("the catalogue has no {what} called {name}").into()
}

/// The predicate of that description.
pub fn predicate(lambda: &Value) -> Result<Predicate, Fault> {
    let of = lambda.clone();
    Ok(match name(lambda)? {
        "always" => Arc::new(|_, _| true),
        "never" => Arc::new(|_, _| false),
        "value_is_null" => Arc::new(|_, v| v.is_none()),
        "value_is_not_null" => Arc::new(|_, v| v.is_some()),
        "key_is_not_null" => Arc::new(|k, _| k.is_some()),
        "sum" => Arc::new(move |k, v| divides(&of, sum(k) + sum(v))),
        "value_sum" => Arc::new(move |_, v| divides(&of, sum(v))),
        other => return Err(unknown("predicate", other)),
    })
}

/// A predicate.
pub fn draw_predicate(rng: &mut Rng) -> Value {
    let n = rng.between(2, 3);
    match rng.below(12) {
        0 => json!({"f": "always"}),
        1 => json!({"f": "value_is_null"}),
        2 => json!({"f": "value_is_not_null"}),
        3 => json!({"f": "key_is_not_null"}),
        4 => json!({"f": "never"}),
        5..=8 => json!({"f": "value_sum", "n": n, "r": rng.between(0, n - 1)}),
        _ => json!({"f": "sum", "n": n, "r": rng.between(0, n - 1)}),
    }
}

/// The mapper to a value, or to a key, of that description.
pub fn mapper(lambda: &Value) -> Result<Mapper, Fault> {
    let of = lambda.clone();
    let x = lambda["x"].as_str().unwrap_or_default().to_owned();
    Ok(match name(lambda)? {
        "key" => Arc::new(|k, _| k.clone()),
        "value" => Arc::new(|_, v| v.clone()),
        "append" => Arc::new(move |_, v| Some(format!("{}{x}", shown(v)))),
        "constant" => Arc::new(move |_, _| Some(x.clone())),
        "first" => Arc::new(|_, v| v.as_ref().map(|v| v.chars().take(1).collect())),
        "both" => Arc::new(|k, v| Some(tail(format!("{}:{}", shown(k), shown(v))))),
        "null_if" => Arc::new(move |_, v| v.clone().filter(|_| !divides(&of, sum(v)))),
        "key_null_if" => Arc::new(move |k, v| k.clone().filter(|_| !divides(&of, sum(v)))),
        "modulo" => Arc::new(move |_, v| Some(format!("k{}", sum(v) % parameter(&of, "n")))),
        other => return Err(unknown("mapper", other)),
    })
}

/// A mapper to a value.
pub fn draw_mapper(rng: &mut Rng) -> Value {
    match rng.below(7) {
        0 => json!({"f": "value"}),
        1 => json!({"f": "first"}),
        2 => json!({"f": "both"}),
        3 => draw_null_if(rng),
        4 => json!({"f": "modulo", "n": rng.between(2, 4)}),
        _ => json!({"f": "append", "x": rng.pick(&["!", "?", ""])}),
    }
}

/// A mapper, or a joiner, that gives null now and then.
pub fn draw_null_if(rng: &mut Rng) -> Value {
    json!({"f": "null_if", "n": rng.between(2, 4), "r": 0})
}

/// A mapper that gives no null for a value.
pub fn draw_row_mapper(rng: &mut Rng) -> Value {
    match rng.below(4) {
        0 => json!({"f": "both"}),
        1 => json!({"f": "modulo", "n": rng.between(2, 4)}),
        _ => json!({"f": "append", "x": rng.pick(&["!", "?", ""])}),
    }
}

/// A mapper to a key.
pub fn draw_selector(rng: &mut Rng) -> Value {
    match rng.below(10) {
        0 => json!({"f": "key"}),
        1 => json!({"f": "value"}),
        2 => json!({"f": "constant", "x": rng.pick(&["a", "b"])}),
        3 => json!({"f": "key_null_if", "n": rng.between(2, 4), "r": 0}),
        4 | 5 => json!({"f": "first"}),
        _ => json!({"f": "modulo", "n": rng.between(2, 4)}),
    }
}

/// The mapper to any number of records of that description.
pub fn flat_mapper(lambda: &Value) -> Result<FlatMapper, Fault> {
    let of = lambda.clone();
    Ok(match name(lambda)? {
        "twice" => Arc::new(|k, v| vec![(k.clone(), v.clone()), (v.clone(), k.clone())]),
        "again" => {
            Arc::new(|k, v| vec![(k.clone(), v.clone()), (k.clone(), Some(shown(v).to_owned() + "'"))])
        }
        "none_if" => {
            Arc::new(move |k, v| if divides(&of, sum(v)) { vec![] } else { vec![(k.clone(), v.clone())] })
        }
        "characters" => Arc::new(|k, v| {
            let characters = shown(v).chars().take(3);
            characters.map(|c| (Some(c.to_string()), Some(tail(shown(k).to_owned() + shown(v))))).collect()
        }),
        other => return Err(unknown("flat mapper", other)),
    })
}

/// A mapper to any number of records.
pub fn draw_flat_mapper(rng: &mut Rng) -> Value {
    match rng.below(4) {
        0 => json!({"f": "twice"}),
        1 => json!({"f": "again"}),
        2 => json!({"f": "none_if", "n": rng.between(2, 4), "r": 0}),
        _ => json!({"f": "characters"}),
    }
}

/// The joiner, reducer or merger of that description.
pub fn joiner(lambda: &Value) -> Result<Joiner, Fault> {
    let of = lambda.clone();
    let list = |l: &Text, r: &Text| Some(tail(format!("{}+{}", shown(l), shown(r))));
    Ok(match name(lambda)? {
        "list" => Arc::new(list),
        "left" => Arc::new(|l, _| l.clone()),
        "right" => Arc::new(|_, r| r.clone()),
        "max" => Arc::new(|l, r| Some(shown(l).max(shown(r)).to_owned())),
        "null_if" => Arc::new(move |l, r| list(l, r).filter(|_| !divides(&of, sum(l) + sum(r)))),
        other => return Err(unknown("joiner", other)),
    })
}

/// A joiner or reducer.
pub fn draw_joiner(rng: &mut Rng) -> Value {
    match rng.below(8) {
        0 => json!({"f": "left"}),
        1 => json!({"f": "right"}),
        2 => json!({"f": "max"}),
        3 => draw_null_if(rng),
        _ => json!({"f": "list"}),
    }
}

/// A joiner that gives no null.
pub fn draw_row_joiner(rng: &mut Rng) -> Value {
    json!({"f": if rng.chance(20) { "max" } else { "list" }})
}
