//! Images in memory, and the roles that a data set's images play.

use crate::error::{Error, Result};
use std::sync::Arc;

/// Images of one size, u8 RGB, planes after one another (C x H x W), with or without labels.
#[derive(Debug, Clone)]
pub struct ImageSet {
    pixels: Arc<[u8]>,
    labels: Option<Arc<[u16]>>,
    height: usize,
    width: usize,
}

/// Channels of every image; grey ones are repeated, as `convert("RGB")` does.
pub const CHANNELS: usize = 3;

impl ImageSet {
    /// Images from their bytes.
    ///
    /// # Errors
    /// When the bytes are no whole number of 3 x `height` x `width` images, or the labels are of another number.
    pub fn new(pixels: Vec<u8>, labels: Option<Vec<u16>>, height: usize, width: usize) -> Result<Self> {
        let image = CHANNELS * height * width;
        if image == 0 || !pixels.len().is_multiple_of(image) {
            return Err(Error::Parameter {
                name: "pixels",
                expected: format!("a multiple of 3 x {height} x {width} bytes"),
                got: format!("{} bytes", pixels.len()),
            });
        }
        let count = pixels.len() / image;
        if let Some(labels) = &labels
            && labels.len() != count
        {
            return Err(Error::Parameter {
                name: "labels",
                expected: format!("one for each of {count} images"),
                got: labels.len().to_string(),
            });
        }
        Ok(Self { pixels: pixels.into(), labels: labels.map(Into::into), height, width })
    }

    /// How many images.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pixels.len() / self.image_bytes()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pixels.is_empty()
    }

    /// Height of every image, pixels.
    #[must_use]
    pub fn height(&self) -> usize {
        self.height
    }

    /// Width of every image, pixels.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// Image `index`, 3 x H x W bytes; `None` past the end.
    #[must_use]
    pub fn image(&self, index: usize) -> Option<&[u8]> {
        self.pixels.chunks_exact(self.image_bytes()).nth(index)
    }

    /// The labels, if the images have any.
    #[must_use]
    pub fn labels(&self) -> Option<&[u16]> {
        self.labels.as_deref()
    }

    fn image_bytes(&self) -> usize {
        CHANNELS * self.height * self.width
    }

    /// `count` images, evenly over the classes where there are labels (the first of each class, in order), else
    /// the first ones; all when there are not more.
    #[must_use]
    pub fn subset(&self, count: usize) -> Self {
        if count >= self.len() {
            return self.clone();
        }
        let chosen: Vec<usize> = match &self.labels {
            None => (0..count).collect(),
            Some(labels) => stratified(labels, count),
        };
        let bytes = self.image_bytes();
        let pixels: Vec<u8> = chosen
            .iter()
            .flat_map(|&index| &self.pixels[index * bytes..(index + 1) * bytes])
            .copied()
            .collect();
        let labels = self.labels.as_ref().map(|labels| chosen.iter().map(|&index| labels[index]).collect());
        Self { pixels: pixels.into(), labels, height: self.height, width: self.width }
    }
}

/// Indices of `count` elements, ascending, taken from the classes in turn.
fn stratified(labels: &[u16], count: usize) -> Vec<usize> {
    let mut members: std::collections::BTreeMap<u16, Vec<usize>> = std::collections::BTreeMap::new();
    for (index, &label) in labels.iter().enumerate() {
        members.entry(label).or_default().push(index);
    }
    let longest = members.values().map(Vec::len).max().unwrap_or(0);
    let in_turn = (0..longest).flat_map(|round| members.values().filter_map(move |class| class.get(round)));
    let mut chosen: Vec<usize> = in_turn.take(count).copied().collect();
    chosen.sort_unstable();
    chosen
}

/// Images with labels: what can be evaluated on. An unlabeled set cannot become one.
#[derive(Debug, Clone)]
pub struct Labeled(ImageSet);

impl Labeled {
    /// Takes a set that has labels.
    ///
    /// # Errors
    /// When it has none.
    pub fn new(set: ImageSet) -> Result<Self> {
        if set.labels.is_none() {
            return Err(Error::Parameter {
                name: "evaluation set",
                expected: "images with labels".into(),
                got: "unlabeled images".into(),
            });
        }
        Ok(Self(set))
    }

    /// The images.
    #[must_use]
    pub fn images(&self) -> &ImageSet {
        &self.0
    }

    /// Their labels.
    #[must_use]
    pub fn labels(&self) -> &[u16] {
        self.0.labels.as_deref().unwrap_or(&[])
    }
}

/// A data set in its roles.
#[derive(Debug, Clone)]
pub struct DataSet {
    /// What the encoder learns from; labels, if any, serve measurement only.
    pub pretrain: ImageSet,
    /// What probes and kNN learn from.
    pub probe: Labeled,
    /// What is scored.
    pub test: Labeled,
    /// Number of classes.
    pub classes: usize,
    /// Channel means of pixels in [0, 1], for normalisation.
    pub mean: [f32; CHANNELS],
    /// Channel standard deviations.
    pub std: [f32; CHANNELS],
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subset_is_even_over_the_classes() {
        let labels = vec![0, 0, 0, 1, 1, 2, 0, 1];
        let set = ImageSet::new((0..8u8).flat_map(|i| [i; 3]).collect(), Some(labels), 1, 1).unwrap();
        let part = set.subset(5);
        assert_eq!(part.labels().unwrap(), [0, 0, 1, 1, 2]);
        assert_eq!(part.image(4).unwrap(), [5; 3]);
        assert!(part.image(5).is_none());
        assert_eq!(set.subset(100).len(), 8);
    }

    #[test]
    fn sizes_are_checked_and_unlabeled_images_cannot_be_evaluated() {
        assert!(ImageSet::new(vec![0; 13], None, 2, 2).is_err());
        assert!(ImageSet::new(vec![0; 12], Some(vec![0, 1]), 2, 2).is_err());
        assert!(ImageSet::new(vec![], None, 0, 2).is_err());
        let unlabeled = ImageSet::new(vec![0; 12], None, 2, 2).unwrap();
        assert!(Labeled::new(unlabeled).unwrap_err().to_string().contains("unlabeled"));
    }
}
