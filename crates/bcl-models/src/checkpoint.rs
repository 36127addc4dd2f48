//! Tensors with text about them in one safetensors file, written whole or not at all.

use crate::error::{Error, Result};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::File;
use std::io::Write;
use std::path::Path;
use tch::{Device, Kind, Tensor};

/// The key of the metadata that holds the checksum of everything else.
const CHECKSUM: &str = "sha256";

/// Problems of a kind that a message lists.
const TOLD: usize = 8;

/// Named tensors and metadata.
#[derive(Debug, Default)]
pub struct Checkpoint {
    /// The tensors; f32 or i64. Floats of other widths become f32 when they are read.
    pub tensors: Vec<(String, Tensor)>,
    /// Text by key.
    pub metadata: BTreeMap<String, String>,
}

impl Checkpoint {
    /// Writes the file beside its place, syncs it and moves it there: a reader sees the old file or the new one.
    ///
    /// # Errors
    /// When the file cannot be written, on a full disk for instance; what was there stays.
    pub fn save(&self, path: &Path) -> Result<()> {
        let bytes = self.serialize(path)?;
        let partial = path.with_extension("partial");
        let io = |doing| move |source| Error::Io { path: path.to_owned(), doing, source };
        let written = File::create(&partial)
            .and_then(|mut file| file.write_all(&bytes).and_then(|()| file.sync_all()))
            .map_err(io("cannot write the checkpoint"));
        if let Err(error) = written {
            let _ = std::fs::remove_file(&partial); // best effort: the error matters more
            return Err(error);
        }
        std::fs::rename(&partial, path).map_err(io("cannot move the checkpoint into place"))?;
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            File::open(folder).and_then(|folder| folder.sync_all()).map_err(io("cannot sync the folder"))?;
        }
        Ok(())
    }

    /// Reads a file. One that [`Checkpoint::save`] wrote carries a checksum, which is compared.
    ///
    /// # Errors
    /// When it cannot be read, is no whole safetensors file, or a bit of it has changed.
    pub fn load(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).map_err(|source| Error::Io {
            path: path.to_owned(),
            doing: "cannot read the checkpoint",
            source,
        })?;
        let damaged = |got: String| Error::Damaged { path: path.to_owned(), got };
        if bytes.starts_with(b"PK\x03\x04") {
            return Err(damaged(
                "a PyTorch archive; scripts/convert_weights.py makes safetensors of it".into(),
            ));
        }
        let (_, header) = SafeTensors::read_metadata(&bytes).map_err(|error| damaged(error.to_string()))?;
        let file = SafeTensors::deserialize(&bytes).map_err(|error| damaged(error.to_string()))?;
        let mut metadata: BTreeMap<String, String> =
            header.metadata().clone().unwrap_or_default().into_iter().collect();
        if let Some(stated) = metadata.remove(CHECKSUM) {
            let found = checksum(&metadata, &file.tensors());
            if found != stated {
                return Err(damaged(format!("content with the checksum {found} instead of {stated}")));
            }
        }
        let mut tensors = Vec::new();
        for (name, view) in file.tensors() {
            let tensor =
                tensor(&view).ok_or_else(|| damaged(format!("{name} of type {:?}", view.dtype())))??;
            tensors.push((name, tensor));
        }
        tensors.sort_by(|(a, _), (b, _)| a.cmp(b)); // whatever the order in the file
        Ok(Self { tensors, metadata })
    }

    /// Copies tensors of the same names into `targets`, all or none; tensors that are not asked for are ignored.
    ///
    /// # Errors
    /// When names are missing, or shapes or types differ: the first of each kind are listed.
    pub fn copy_into(&self, targets: &[(String, Tensor)]) -> Result<()> {
        self.copy(targets, &[])
    }

    /// The same, but every tensor of the checkpoint must be asked for.
    pub(crate) fn copy_all_into(&self, targets: &[(String, Tensor)]) -> Result<()> {
        let known: HashSet<&str> = targets.iter().map(|(name, _)| name.as_str()).collect();
        let names = self.tensors.iter().map(|(name, _)| name.as_str());
        self.copy(targets, &names.filter(|name| !known.contains(name)).collect::<Vec<_>>())
    }

    fn copy(&self, targets: &[(String, Tensor)], unexpected: &[&str]) -> Result<()> {
        let sources: HashMap<&str, &Tensor> =
            self.tensors.iter().map(|(name, tensor)| (name.as_str(), tensor)).collect();
        let (mut missing, mut different) = (Vec::new(), Vec::new());
        for (name, target) in targets {
            match sources.get(name.as_str()) {
                None => missing.push(format!("{name} is missing")),
                Some(source) if source.size() != target.size() => different.push(format!(
                    "{name}: expected shape {:?}, got {:?}",
                    target.size(),
                    source.size()
                )),
                Some(source) if source.kind() != target.kind() => {
                    different.push(format!("{name}: expected {:?}, got {:?}", target.kind(), source.kind()));
                }
                Some(_) => {}
            }
        }
        let unexpected = unexpected.iter().map(|name| format!("{name} is unexpected")).collect();
        let problems: Vec<String> = [missing, unexpected, different].into_iter().filter_map(told).collect();
        if !problems.is_empty() {
            return Err(Error::Mismatch(problems.join("; ")));
        }
        let _guard = tch::no_grad_guard();
        for (name, target) in targets {
            target.shallow_clone().f_copy_(sources[name.as_str()])?;
        }
        Ok(())
    }

    fn serialize(&self, path: &Path) -> Result<Vec<u8>> {
        let failed = |error: safetensors::SafeTensorError| Error::Damaged {
            path: path.to_owned(),
            got: error.to_string(),
        };
        let mut contents = Vec::with_capacity(self.tensors.len());
        for (name, tensor) in &self.tensors {
            let flat = tensor.f_detach()?.f_to_device(Device::Cpu)?.f_contiguous()?.f_view([-1])?;
            let (dtype, bytes): (_, Vec<u8>) = match flat.kind() {
                Kind::Float => {
                    (Dtype::F32, Vec::<f32>::try_from(&flat)?.iter().flat_map(|v| v.to_le_bytes()).collect())
                }
                Kind::Int64 => {
                    (Dtype::I64, Vec::<i64>::try_from(&flat)?.iter().flat_map(|v| v.to_le_bytes()).collect())
                }
                other => return Err(Error::Mismatch(format!("{name}: expected f32 or i64, got {other:?}"))),
            };
            let shape: Vec<usize> = tensor.size().iter().map(|&side| side as usize).collect();
            contents.push((name.as_str(), dtype, shape, bytes));
        }
        let views = contents
            .iter()
            .map(|(name, dtype, shape, bytes)| {
                Ok((*name, TensorView::new(*dtype, shape.clone(), bytes).map_err(failed)?))
            })
            .collect::<Result<Vec<_>>>()?;
        let mut metadata: HashMap<String, String> = self.metadata.clone().into_iter().collect();
        metadata.insert(CHECKSUM.to_owned(), checksum(&self.metadata, &views));
        safetensors::serialize(views, Some(metadata)).map_err(failed)
    }
}

/// The first of some problems of a kind, and how many more there are; `None` for none.
fn told(problems: Vec<String>) -> Option<String> {
    let more = problems.len().saturating_sub(TOLD);
    let first = problems.iter().take(TOLD).map(String::as_str).collect::<Vec<_>>().join("; ");
    match more {
        _ if problems.is_empty() => None,
        0 => Some(first),
        _ => Some(format!("{first}; and {more} more like this")),
    }
}

/// SHA-256 over metadata and tensors, whatever their order in the file. Lengths go in before contents.
fn checksum<Name: AsRef<str>>(
    metadata: &BTreeMap<String, String>,
    views: &[(Name, TensorView<'_>)],
) -> String {
    let mut hash = Sha256::new();
    let mut part = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    for (key, value) in metadata {
        part(key.as_bytes());
        part(value.as_bytes());
    }
    let mut views: Vec<_> = views.iter().map(|(name, view)| (name.as_ref(), view)).collect();
    views.sort_by_key(|(name, _)| *name);
    for (name, view) in views {
        part(name.as_bytes());
        part(format!("{:?} {:?}", view.dtype(), view.shape()).as_bytes());
        part(view.data());
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A tensor from a view; numbers of other widths become f32. `None` for types that checkpoints do not hold.
fn tensor(view: &TensorView<'_>) -> Option<Result<Tensor>> {
    let (kind, held) = match view.dtype() {
        Dtype::F32 => (Kind::Float, Kind::Float),
        Dtype::F64 => (Kind::Double, Kind::Float),
        Dtype::F16 => (Kind::Half, Kind::Float),
        Dtype::BF16 => (Kind::BFloat16, Kind::Float),
        Dtype::I64 => (Kind::Int64, Kind::Int64),
        _ => return None,
    };
    let shape: Vec<i64> = view.shape().iter().map(|&side| side as i64).collect();
    let tensor = Tensor::f_from_data_size(view.data(), &shape, kind);
    Some(tensor.and_then(|tensor| tensor.f_to_kind(held)).map_err(Error::from))
}
