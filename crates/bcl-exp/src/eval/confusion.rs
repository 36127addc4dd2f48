//! Counts of what was taken for what, and these as CSV.

use anyhow::{Context, Result, ensure};
use serde::Serialize;

/// Images by label and prediction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Confusion(Vec<Vec<u64>>);

impl Confusion {
    /// Row: label, column: prediction.
    ///
    /// # Errors
    /// When it is not square.
    pub fn new(counts: Vec<Vec<u64>>) -> Result<Self> {
        let classes = counts.len();
        for row in &counts {
            ensure!(row.len() == classes, "confusion: expected {classes} columns, got {}", row.len());
        }
        Ok(Self(counts))
    }

    /// Row: label, column: prediction.
    #[must_use]
    pub fn counts(&self) -> &[Vec<u64>] {
        &self.0
    }

    /// Images of each class.
    #[must_use]
    pub fn images(&self) -> Vec<u64> {
        self.0.iter().map(|row| row.iter().sum()).collect()
    }

    /// Per cent of each class's images that were taken for it; `None` for a class without images.
    #[must_use]
    pub fn per_class(&self) -> Vec<Option<f64>> {
        let hits = self.0.iter().enumerate().map(|(class, row)| row[class]);
        hits.zip(self.images())
            .map(|(hits, all)| (all > 0).then(|| 100.0 * hits as f64 / all as f64))
            .collect()
    }

    /// Balanced accuracy, per cent: the mean of [`Self::per_class`] over classes that have images; `None` when none has.
    #[must_use]
    pub fn balanced(&self) -> Option<f64> {
        let known: Vec<f64> = self.per_class().into_iter().flatten().collect();
        (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
    }

    /// The counts of matrices of the same classes together.
    ///
    /// # Errors
    /// When there is none, or they have other numbers of classes.
    pub fn sum<'a>(matrices: impl IntoIterator<Item = &'a Self>) -> Result<Self> {
        let mut matrices = matrices.into_iter();
        let mut sum = matrices.next().context("confusion: expected at least one matrix, got none")?.clone();
        for other in matrices {
            let (ours, theirs) = (sum.0.len(), other.0.len());
            ensure!(ours == theirs, "confusion: expected {ours} classes, got {theirs}");
            for (sum, count) in sum.0.iter_mut().flatten().zip(other.0.iter().flatten()) {
                *sum += count;
            }
        }
        Ok(sum)
    }
}

/// A confusion matrix with the names of its classes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedConfusion {
    /// By label.
    pub classes: Vec<String>,
    /// Row: label, column: prediction.
    pub confusion: Confusion,
}

impl NamedConfusion {
    /// The first cell of the header: what rows and columns are.
    const CORNER: &str = "true \\ predicted";

    /// As CSV: a header of class names, then a line for each true class, its name and its images by predicted class.
    ///
    /// # Errors
    /// When there are not as many names as classes.
    pub fn to_csv(&self) -> Result<Vec<u8>> {
        let (names, classes) = (self.classes.len(), self.confusion.counts().len());
        ensure!(names == classes, "confusion: expected {classes} names of classes, got {names}");
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(std::iter::once(Self::CORNER).chain(self.classes.iter().map(String::as_str)))?;
        for (name, row) in self.classes.iter().zip(self.confusion.counts()) {
            writer.write_record(std::iter::once(name.clone()).chain(row.iter().map(u64::to_string)))?;
        }
        writer.into_inner().map_err(|error| error.into_error().into())
    }

    /// Reads what [`Self::to_csv`] writes.
    ///
    /// # Errors
    /// When the header is another one, a line is missing, or a field is no count.
    pub fn from_csv(bytes: &[u8]) -> Result<Self> {
        let mut reader = csv::Reader::from_reader(bytes);
        let header = reader.headers()?.clone();
        let corner = header.get(0).unwrap_or_default();
        ensure!(
            corner == Self::CORNER,
            "expected a header that begins with {:?}, got {corner:?}",
            Self::CORNER
        );
        let classes: Vec<String> = header.iter().skip(1).map(str::to_owned).collect();
        let mut counts = Vec::new();
        for record in reader.records() {
            let record = record?;
            let (name, class) = (record.get(0).unwrap_or_default(), classes.get(counts.len()));
            ensure!(class.is_some_and(|class| class == name), "expected the line of {class:?}, got {name:?}");
            let count = |field: &str| {
                field.parse().with_context(|| format!("line of {name:?}: expected a count, got {field:?}"))
            };
            counts.push(record.iter().skip(1).map(count).collect::<Result<Vec<u64>>>()?);
        }
        let (lines, expected) = (counts.len(), classes.len());
        ensure!(
            lines == expected && lines > 0,
            "expected a line for each of {expected} classes, got {lines}"
        );
        Ok(Self { classes, confusion: Confusion::new(counts)? })
    }
}
