//! The numbers of a plan, in two tensors: one of indices, one of values. Two copies bring them to a device.

use crate::error::Result;
use crate::tensor_memory::{staged, uploaded};
use tch::{Device, Tensor};

/// Some of the numbers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    first: i64,
    count: i64,
}

/// Numbers as they are collected.
#[derive(Debug, Default)]
pub(super) struct Collected {
    ints: Vec<i64>,
    floats: Vec<f32>,
}

/// The numbers of a plan, on the processor.
#[derive(Debug)]
pub(super) struct Numbers {
    ints: Tensor,
    floats: Tensor,
}

/// The same on a device.
#[derive(Debug)]
pub(super) struct Uploaded {
    ints: Tensor,
    floats: Tensor,
}

fn append<T>(all: &mut Vec<T>, some: impl IntoIterator<Item = T>) -> Span {
    let first = all.len();
    all.extend(some);
    Span { first: first as i64, count: (all.len() - first) as i64 }
}

impl Collected {
    pub(super) fn add_ints(&mut self, ints: impl IntoIterator<Item = i64>) -> Span {
        append(&mut self.ints, ints)
    }

    pub(super) fn add_floats(&mut self, floats: impl IntoIterator<Item = f32>) -> Span {
        append(&mut self.floats, floats)
    }

    /// Ready for a copy to `device`.
    pub(super) fn finish(self, device: Device) -> Result<Numbers> {
        Ok(Numbers {
            ints: staged(Tensor::f_from_slice(&self.ints)?, device),
            floats: staged(Tensor::f_from_slice(&self.floats)?, device),
        })
    }
}

impl Numbers {
    pub(super) fn on(&self, device: Device) -> Result<Uploaded> {
        Ok(Uploaded { ints: uploaded(&self.ints, device)?, floats: uploaded(&self.floats, device)? })
    }
}

impl Uploaded {
    /// Indices in this shape.
    pub(super) fn ints(&self, span: Span, shape: &[i64]) -> Result<Tensor> {
        Ok(self.ints.f_narrow(0, span.first, span.count)?.f_view(shape)?)
    }

    /// Values in this shape.
    pub(super) fn floats(&self, span: Span, shape: &[i64]) -> Result<Tensor> {
        Ok(self.floats.f_narrow(0, span.first, span.count)?.f_view(shape)?)
    }
}
