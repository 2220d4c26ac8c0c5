//! Rows under headings, for people and for programs.

use std::fmt;

use serde_json::{Map, Value};

/// Rows under headings.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// The headings, as Kafka's tools print them.
    pub columns: Vec<&'static str>,
    /// As many cells a row.
    pub rows: Vec<Vec<Value>>,
    /// What is said under the table.
    pub remarks: Vec<String>,
    /// Whether something that was asked for was refused.
    pub failed: bool,
}

impl Table {
    /// A table without rows.
    pub fn new(columns: &[&'static str]) -> Self {
        Table { columns: columns.to_vec(), ..Table::default() }
    }

    /// For programs: the headings in small letters are the names.
    pub fn to_json(&self) -> Value {
        let name = |column: &str| {
            column.trim_start_matches('#').to_lowercase().replace('-', "_").replace(" (id)", "")
        };
        let row = |row: &Vec<Value>| {
            let cells = self.columns.iter().zip(row).map(|(column, cell)| (name(column), cell.clone()));
            Value::Object(cells.collect::<Map<_, _>>())
        };
        Value::Array(self.rows.iter().map(row).collect())
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |cell: &Value| match cell {
            Value::Null => "-".to_owned(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let rows: Vec<Vec<String>> = self.rows.iter().map(|row| row.iter().map(text).collect()).collect();
        let width = |at: usize, column: &str| {
            rows.iter()
                .filter_map(|row| row.get(at))
                .map(|cell| cell.chars().count())
                .chain([column.len()])
                .max()
        };
        let widths: Vec<usize> =
            self.columns.iter().enumerate().map(|(at, column)| width(at, column).unwrap_or(0)).collect();
        let mut line = |cells: &[&str]| {
            let padded = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
            writeln!(f, "{}", padded.collect::<Vec<_>>().join("  ").trim_end())
        };
        if !self.columns.is_empty() {
            line(&self.columns)?;
        }
        for row in &rows {
            line(&row.iter().map(String::as_str).collect::<Vec<_>>())?;
        }
        self.remarks.iter().try_for_each(|remark| writeln!(f, "{remark}"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn columns_are_aligned_and_named() {
        let mut table = Table::new(&["GROUP", "COORDINATOR (ID)", "#MEMBERS"]);
        table.rows.push(vec![json!("a-long-name"), Value::Null, json!(2)]);
        table.remarks.push("done".to_owned());
        let text = "GROUP        COORDINATOR (ID)  #MEMBERS\na-long-name  -                 2\ndone\n";
        assert_eq!(table.to_string(), text);
        assert_eq!(table.to_json(), json!([{"group": "a-long-name", "coordinator": null, "members": 2}]));
    }
}
