//! Results as text that a person reads.

/// A whole number with commas between thousands.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A table: columns of numbers stand to the right, others to the left.
pub fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain(head.get(column).map(|cell| cell.chars().count())).max().unwrap_or(0)
    };
    let widths: Vec<_> = (0..head.len()).map(width).collect();
    let numeric: Vec<_> = (0..head.len())
        .map(|column| {
            !rows.is_empty() && rows.iter().all(|row| row.get(column).is_some_and(|c| is_number(c)))
        })
        .collect();
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let cells = cells.zip(widths.iter().zip(&numeric)).map(|(cell, (&width, &right))| {
            if right { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
        });
        format!("  {}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    let mut text = line(&mut head.iter().copied());
    text.push_str(&line(
        &mut widths.iter().map(|width| "-".repeat(*width)).collect::<Vec<_>>().iter().map(String::as_str),
    ));
    for row in rows {
        text.push_str(&line(&mut row.iter().map(String::as_str)));
    }
    text
}

/// A number, maybe with a unit, or a dash in the place of one.
fn is_number(cell: &str) -> bool {
    let mut parts = cell.split(' ');
    let number = parts.next().unwrap_or_default().replace(',', "");
    (number == "-" || number.parse::<f64>().is_ok()) && parts.count() <= 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        let texts: Vec<_> = [0, 999, 1_000, 336_776, 1_000_000].map(count).into();
        assert_eq!(texts, ["0", "999", "1,000", "336,776", "1,000,000"]);
    }

    #[test]
    fn numbers_stand_to_the_right() {
        let row = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
        let rows = [row(["2 °C, dry", "1,002", "3 min"]), row(["-4 °C, wind", "3", "-"])];
        assert_eq!(
            table(&["at", "flights", "late"], &rows),
            "  at           flights   late\n  -----------  -------  -----\n  \
             2 °C, dry      1,002  3 min\n  \
             -4 °C, wind        3      -\n"
        );
    }
}
