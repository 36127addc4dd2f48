//! Under whose names tensors go: those of this crate, torchvision's, the authors'.

use crate::checkpoint::Checkpoint;
use crate::error::{Error, Result};
use crate::model::{ENCODER, HEAD};
use std::fmt;
use std::str::FromStr;

/// Names of the same tensors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Names {
    /// `encoder.layer1.0.conv1.weight`, `head.0.weight`: what this crate saves.
    Own,
    /// `layer1.0.conv1.weight`: a `state_dict` of torchvision's ResNets. It knows no projection head.
    Torchvision,
    /// `f.3.0.conv1.weight`, `g.0.weight`: the authors' model, an `nn.Sequential` of a ResNet's children.
    Authors,
}

/// What `nn.DataParallel` puts before every name; the authors' checkpoints have it.
pub(crate) const PARALLEL: &str = "module.";

/// The encoder's children in the authors' `f`: the max-pool is left out, places 2 and 7 have no tensors.
const CHILDREN: [(&str, &str); 6] = [
    ("conv1", "f.0"),
    ("bn1", "f.1"),
    ("layer1", "f.3"),
    ("layer2", "f.4"),
    ("layer3", "f.5"),
    ("layer4", "f.6"),
];

impl Names {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Own, Self::Torchvision, Self::Authors];

    /// The name of a tensor that this crate calls `own`; `None` where there is none.
    #[must_use]
    pub fn name(self, own: &str) -> Option<String> {
        let Some(rest) = own.strip_prefix(ENCODER) else {
            let rest = own.strip_prefix(HEAD)?;
            return match self {
                Self::Own => Some(own.to_owned()),
                Self::Torchvision => None,
                Self::Authors => Some(format!("g.{rest}")),
            };
        };
        match self {
            Self::Own => Some(own.to_owned()),
            Self::Torchvision => Some(rest.to_owned()),
            Self::Authors => {
                let (child, rest) = rest.split_once('.')?;
                let (_, place) = CHILDREN.iter().find(|(name, _)| *name == child)?;
                Some(format!("{place}.{rest}"))
            }
        }
    }

    /// Whose names a checkpoint has, and what stands before all of them (`module.` or nothing).
    pub(crate) fn of(checkpoint: &Checkpoint) -> Result<(Self, &'static str)> {
        let names: Vec<&str> = checkpoint.tensors.iter().map(|(name, _)| name.as_str()).collect();
        let parallel = !names.is_empty() && names.iter().all(|name| name.starts_with(PARALLEL));
        let prefix = if parallel { PARALLEL } else { "" };
        let has = |names_of: Self| {
            let first = names_of.name(&format!("{ENCODER}conv1.weight"));
            names.iter().any(|name| name.strip_prefix(prefix) == first.as_deref())
        };
        Self::ALL.into_iter().find(|names| has(*names)).map(|names| (names, prefix)).ok_or_else(|| {
            let first: Vec<&str> = names.iter().copied().take(3).collect();
            Error::Mismatch(format!(
                "expected an encoder under the names of this program (encoder.conv1.weight), of torchvision \
                 (conv1.weight) or of the authors (f.0.weight), got {} tensors named {}, ...",
                names.len(),
                first.join(", ")
            ))
        })
    }
}

impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Own => "own",
            Self::Torchvision => "torchvision",
            Self::Authors => "authors",
        })
    }
}

impl FromStr for Names {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|names| names.to_string() == name).ok_or_else(|| Error::Name {
            what: "names",
            expected: "own, torchvision or authors",
            got: name.to_owned(),
        })
    }
}
