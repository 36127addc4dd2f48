#!/usr/bin/env python3
"""Writes crates/bcl-core/tests/golden/auc_sklearn.json: the mean over anchors of scikit-learn's roc_auc_score.

Needs numpy and scikit-learn. Deterministic.
"""

import json
import pathlib

import numpy as np
from sklearn.metrics import roc_auc_score

rng = np.random.default_rng(20230127)
size, dim, classes, anchors = 300, 6, 5, 40
labels = rng.integers(0, classes, size)
centres = rng.normal(size=(classes, dim))
# Small integers: ties, and inner products that are exact in any order of summation.
z = np.round(2 * (centres[labels] * 0.7 + rng.normal(size=(size, dim))))
aucs = []
for i in range(anchors):
    keep = np.arange(size) != i
    aucs.append(roc_auc_score(labels[keep] == labels[i], (z @ z[i])[keep]))
out = pathlib.Path(__file__).parent.parent / "crates/bcl-core/tests/golden/auc_sklearn.json"
out.write_text(
    json.dumps(
        {
            "anchors": anchors,
            "labels": labels.tolist(),
            "embeddings": z.ravel().tolist(),
            "macro_auc": float(np.mean(aucs)),
        }
    )
    + "\n"
)
