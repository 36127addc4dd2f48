//! Several sources after one another.

use super::{ImageSource, past_the_end};
use crate::error::Result;
use std::borrow::Cow;
use std::sync::Arc;

/// The images of the first source, then those of the second, and so on.
#[derive(Debug)]
pub(crate) struct Joined(pub(crate) Vec<Arc<dyn ImageSource>>);

impl Joined {
    /// The source that has image `index`, and its place there.
    fn find(&self, index: usize) -> Result<(&dyn ImageSource, usize)> {
        let mut place = index;
        for source in &self.0 {
            match place.checked_sub(source.count()) {
                Some(rest) => place = rest,
                None => return Ok((&**source, place)),
            }
        }
        Err(past_the_end(self.count(), index))
    }
}

impl ImageSource for Joined {
    fn count(&self) -> usize {
        self.0.iter().map(|source| source.count()).sum()
    }

    fn size(&self, index: usize) -> Result<(usize, usize)> {
        let (source, place) = self.find(index)?;
        source.size(place)
    }

    fn read(&self, index: usize) -> Result<Cow<'_, [u8]>> {
        let (source, place) = self.find(index)?;
        source.read(place)
    }
}
