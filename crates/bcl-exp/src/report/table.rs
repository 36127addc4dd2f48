//! Markdown tables, padded so that they read in a terminal too.

/// A table. Columns without an entry are left out.
pub(super) struct Table {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Every row as long as the header.
    pub(super) fn new<Name: Into<String>>(
        header: impl IntoIterator<Item = Name>,
        rows: impl IntoIterator<Item = Vec<String>>,
    ) -> Self {
        Self { header: header.into_iter().map(Into::into).collect(), rows: rows.into_iter().collect() }
    }

    pub(super) fn to_markdown(&self) -> String {
        let used = |column: usize| self.rows.iter().any(|row| !row[column].is_empty());
        let columns: Vec<usize> = (0..self.header.len()).filter(|&column| used(column)).collect();
        let width = |column: usize| {
            let cells = self.rows.iter().map(|row| row[column].chars().count());
            cells.chain([self.header[column].chars().count(), 3]).max().unwrap_or(3)
        };
        let line = |cell: &dyn Fn(usize) -> String| {
            let cells = columns.iter().map(|&column| {
                let text = cell(column);
                let padding = width(column) - text.chars().count();
                format!(" {text}{} ", " ".repeat(padding))
            });
            format!("|{}|\n", cells.collect::<Vec<_>>().join("|"))
        };
        let mut text = line(&|column| self.header[column].clone());
        text += &line(&|column| "-".repeat(width(column)));
        for row in &self.rows {
            text += &line(&|column| row[column].clone());
        }
        text
    }
}
