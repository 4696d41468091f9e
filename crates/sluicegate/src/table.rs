//! Tables for people: columns as wide as what is in them.

/// Rows under a heading; columns whose number is in `right` are aligned to the right.
pub(crate) fn table(heading: &[&str], rows: &[Vec<String>], right: &[usize]) -> String {
    let heading: Vec<String> = heading.iter().map(|text| (*text).to_owned()).collect();
    let all = || std::iter::once(&heading).chain(rows);
    let width = |column: usize| {
        all().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..heading.len()).map(width).collect();
    let mut text = String::new();
    for row in all() {
        let cells: Vec<String> = row
            .iter()
            .zip(&widths)
            .enumerate()
            .map(|(column, (cell, width))| match right.contains(&column) {
                true => format!("{cell:>width$}"),
                false => format!("{cell:<width$}"),
            })
            .collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest() {
        let rows = [vec!["a".to_owned(), "1".to_owned()], vec!["büro".to_owned(), "1234567".to_owned()]];
        assert_eq!(table(&["NAME", "COUNT"], &rows, &[1]), "NAME    COUNT\na           1\nbüro  1234567\n");
        assert_eq!(table(&["NAME", "STATE"], &rows, &[]), "NAME  STATE\na     1\nbüro  1234567\n");
        assert_eq!(table(&["NAME"], &[], &[]), "NAME\n");
    }
}
