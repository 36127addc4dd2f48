//! Images, in memory or in files, and the roles that a data set's images play.

use crate::error::{Error, Result};
use crate::source::{ImageSource, Uniform, past_the_end};
use std::borrow::Cow;
use std::sync::Arc;

/// Images, u8 RGB, planes after one another (3 x H x W), of one size or of many, with or without labels.
#[derive(Debug, Clone)]
pub struct ImageSet {
    source: Arc<dyn ImageSource>,
    /// Places in the source; all of them in order where there is no list.
    chosen: Option<Arc<[u32]>>,
    labels: Option<Arc<[u16]>>,
}

/// Channels of every image; grey ones are repeated, as `convert("RGB")` does.
pub const CHANNELS: usize = 3;

impl ImageSet {
    /// Images of one size from their bytes.
    ///
    /// # Errors
    /// When the bytes are no whole number of 3 x `height` x `width` images, or the labels are of another number.
    pub fn new(pixels: Vec<u8>, labels: Option<Vec<u16>>, height: usize, width: usize) -> Result<Self> {
        Self::from_source(Arc::new(Uniform::new(pixels, height, width)?), labels)
    }

    /// All images of a source.
    ///
    /// # Errors
    /// When the labels are of another number than the images, or there are 2^32 images and more.
    pub fn from_source(source: Arc<dyn ImageSource>, labels: Option<Vec<u16>>) -> Result<Self> {
        let count = source.count();
        let wrong = |name, expected, got| Err(Error::Parameter { name, expected, got });
        if u32::try_from(count).is_err() {
            return wrong("images", "fewer than 2^32".into(), count.to_string());
        }
        match labels {
            Some(labels) if labels.len() != count => {
                wrong("labels", format!("one for each of {count} images"), labels.len().to_string())
            }
            labels => Ok(Self { source, chosen: None, labels: labels.map(Into::into) }),
        }
    }

    /// How many images.
    #[must_use]
    pub fn len(&self) -> usize {
        self.chosen.as_ref().map_or_else(|| self.source.count(), |chosen| chosen.len())
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Height and width of image `index`, pixels.
    ///
    /// # Errors
    /// Past the end.
    pub fn size(&self, index: usize) -> Result<(usize, usize)> {
        self.source.size(self.place(index)?)
    }

    /// Height and width of all images, where they are the same.
    #[must_use]
    pub fn common_size(&self) -> Option<(usize, usize)> {
        let first = self.size(0).ok()?;
        (1..self.len()).all(|index| self.size(index).is_ok_and(|size| size == first)).then_some(first)
    }

    /// Image `index`, 3 x H x W bytes.
    ///
    /// # Errors
    /// Past the end, or when its file cannot be read.
    pub fn image(&self, index: usize) -> Result<Cow<'_, [u8]>> {
        self.source.read(self.place(index)?)
    }

    /// Place of image `index` in the source.
    fn place(&self, index: usize) -> Result<usize> {
        match &self.chosen {
            None => Ok(index),
            Some(chosen) => {
                let place = chosen.get(index).ok_or_else(|| past_the_end(chosen.len(), index))?;
                Ok(*place as usize)
            }
        }
    }

    /// The labels, if the images have any.
    #[must_use]
    pub fn labels(&self) -> Option<&[u16]> {
        self.labels.as_deref()
    }

    /// The images at these places, in this order; no pixels are copied.
    ///
    /// # Errors
    /// On a place past the end.
    pub fn select(&self, places: &[u32]) -> Result<Self> {
        let in_source = |&index: &u32| Ok(self.place(index as usize)? as u32); // fewer than 2^32 images
        if let Some(&bad) = places.iter().find(|&&index| index as usize >= self.len()) {
            return Err(past_the_end(self.len(), bad as usize));
        }
        let labels = self.labels.as_ref();
        Ok(Self {
            source: Arc::clone(&self.source),
            chosen: Some(places.iter().map(in_source).collect::<Result<_>>()?),
            labels: labels.map(|labels| places.iter().map(|&index| labels[index as usize]).collect()),
        })
    }

    /// `count` images, evenly over the classes where there are labels (the first of each class, in order), else
    /// the first ones; all when there are not more.
    ///
    /// # Errors
    /// Never: what is chosen is there.
    pub fn subset(&self, count: usize) -> Result<Self> {
        if count >= self.len() {
            return Ok(self.clone());
        }
        match &self.labels {
            None => self.select(&(0..count as u32).collect::<Vec<_>>()),
            Some(labels) => self.select(&stratified(labels, count)),
        }
    }
}

/// Indices of `count` elements, ascending, taken from the classes in turn.
fn stratified(labels: &[u16], count: usize) -> Vec<u32> {
    let mut members: std::collections::BTreeMap<u16, Vec<u32>> = std::collections::BTreeMap::new();
    for (index, &label) in (0..).zip(labels) {
        members.entry(label).or_default().push(index);
    }
    let longest = members.values().map(Vec::len).max().unwrap_or(0);
    let in_turn = (0..longest).flat_map(|round| members.values().filter_map(move |class| class.get(round)));
    let mut chosen: Vec<u32> = in_turn.take(count).copied().collect();
    chosen.sort_unstable();
    chosen
}

/// Images with labels: what can be evaluated on. An unlabeled set cannot become one:
///
/// ```no_run
/// # fn score(test: &bcl_data::Labeled) {}
/// let data = bcl_data::catalog::load("stl10", "data".as_ref()).unwrap();
/// score(&data.test);
/// ```
///
/// and no other set passes for one:
///
/// ```compile_fail,E0308
/// # fn score(test: &bcl_data::Labeled) {}
/// let data = bcl_data::catalog::load("stl10", "data".as_ref()).unwrap();
/// score(&data.pretrain); // expected `&Labeled`, found `&ImageSet`
/// ```
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

    /// The images at these places, in this order.
    ///
    /// # Errors
    /// On a place past the end.
    pub fn select(&self, places: &[u32]) -> Result<Self> {
        self.0.select(places).map(Self)
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
    /// Places in `probe` of the predefined folds, where the set has some (STL-10's ten): the protocol fits on each of them
    /// and reports the mean.
    pub folds: Vec<Vec<u32>>,
    /// Names of the classes, by label.
    pub class_names: Vec<String>,
    /// Channel means of pixels in [0, 1], for normalisation.
    pub mean: [f32; CHANNELS],
    /// Channel standard deviations.
    pub std: [f32; CHANNELS],
}

impl DataSet {
    /// Number of classes.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.class_names.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subset_is_even_over_the_classes() {
        let labels = vec![0, 0, 0, 1, 1, 2, 0, 1];
        let set = ImageSet::new((0..8u8).flat_map(|i| [i; 3]).collect(), Some(labels), 1, 1).unwrap();
        let part = set.subset(5).unwrap();
        assert_eq!(part.labels().unwrap(), [0, 0, 1, 1, 2]);
        assert_eq!(*part.image(4).unwrap(), [5; 3]);
        assert!(part.image(5).is_err());
        assert_eq!(set.subset(100).unwrap().len(), 8);
    }

    #[test]
    fn what_is_selected_can_be_selected_from() {
        let set = ImageSet::new((0..18).collect(), None, 1, 2).unwrap();
        let part = set.select(&[2, 0, 2]).unwrap().select(&[1, 2]).unwrap();
        assert_eq!((part.len(), part.common_size(), part.size(1).unwrap()), (2, Some((1, 2)), (1, 2)));
        assert_eq!((part.image(0).unwrap()[0], part.image(1).unwrap()[0]), (0, 12));
        assert!(part.image(2).unwrap_err().to_string().contains("below 2"));
        assert!(set.select(&[3]).unwrap_err().to_string().contains("a place below 3, got 3"));
        assert_eq!(set.select(&[]).unwrap().common_size(), None);
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
