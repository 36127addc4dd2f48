//! Weight tables as tensors and for the fused kernels, kept from one step to the next.

use crate::order_stats::OrderStats;
use crate::weights::{Compat, WeightTable};
use std::sync::{Arc, Mutex, PoisonError};
use tch::{Device, Kind, Tensor};

/// Holds the tables last used; a training run uses one of each kind. Clones share them: a loss is cloned at each step of a
/// blockwise evaluation, and a table that goes to a device anew is a wait.
#[derive(Debug, Default, Clone)]
pub(super) struct TableCache {
    tensors: Arc<Mutex<Option<Tensors>>>,
    slices: Arc<Mutex<Option<Slices>>>,
}

#[derive(Debug)]
struct Tensors {
    key: (i64, Kind, Device),
    log_omega: Tensor,
    posterior: Tensor,
}

/// ω and posterior by rank - 1, in f32.
#[derive(Debug, Clone)]
pub(super) struct Slices {
    pub(super) omega: Arc<[f32]>,
    pub(super) posterior: Arc<[f32]>,
}

impl TableCache {
    /// log ω and posterior by rank - 1, N elements each, made anew only when N, type or device change.
    pub(super) fn get(
        &self,
        model: &OrderStats,
        compat: Compat,
        key: (i64, Kind, Device),
    ) -> (Tensor, Tensor) {
        let mut last = self.tensors.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = match last.take() {
            Some(entry) if entry.key == key => entry,
            _ => {
                let (negatives, kind, device) = key;
                let table = WeightTable::new(model, negatives as usize, compat);
                Tensors {
                    key,
                    log_omega: table.log_omega_tensor(kind, device),
                    posterior: table.posterior_tensor(kind, device),
                }
            }
        };
        let handles = (entry.log_omega.shallow_clone(), entry.posterior.shallow_clone());
        *last = Some(entry);
        handles
    }

    /// ω and posterior for rows of `negatives`, made anew only when their number changes.
    pub(super) fn slices(&self, model: &OrderStats, compat: Compat, negatives: usize) -> Slices {
        let mut last = self.slices.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slices) = last.as_ref().filter(|slices| slices.omega.len() == negatives) {
            return slices.clone();
        }
        let table = WeightTable::new(model, negatives, compat);
        let narrow = |values: &[f64]| values.iter().map(|&value| value as f32).collect();
        let slices = Slices { omega: narrow(table.omega()), posterior: narrow(table.posterior()) };
        *last = Some(slices.clone());
        slices
    }
}
