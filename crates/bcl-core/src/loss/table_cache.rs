//! A weight table as tensors, kept from one step to the next.

use crate::order_stats::OrderStats;
use crate::weights::{Compat, WeightTable};
use std::sync::{Mutex, PoisonError};
use tch::{Device, Kind, Tensor};

/// Holds the table last used; a training run uses one.
#[derive(Debug, Default)]
pub(super) struct TableCache(Mutex<Option<Entry>>);

#[derive(Debug)]
struct Entry {
    key: (i64, Kind, Device),
    log_omega: Tensor,
    posterior: Tensor,
}

impl TableCache {
    /// log ω and posterior by rank - 1, N elements each, made anew only when N, type or device change.
    pub(super) fn get(
        &self,
        model: &OrderStats,
        compat: Compat,
        key: (i64, Kind, Device),
    ) -> (Tensor, Tensor) {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = match last.take() {
            Some(entry) if entry.key == key => entry,
            _ => {
                let (negatives, kind, device) = key;
                let table = WeightTable::new(model, negatives as usize, compat);
                Entry {
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
}
