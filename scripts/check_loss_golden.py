#!/usr/bin/env python3
"""Recomputes the values in crates/bcl-core/tests/golden/loss_golden.json from the definitions, in NumPy float64.

`reference` includes the guards of the authors' code: 1e-3 added to a and to the normalisation of the target density.
Prints the largest difference; exits with 1 when it exceeds 1e-12. Needs numpy.
"""

import json
import pathlib
import sys

import numpy as np


def rows(case):
    b, d, t = case["batch_pairs"], case["dim"], case["temperature"]
    z = np.vstack([np.array(case[name]).reshape(b, d) for name in ("z1", "z2")])
    scores = z @ z.T
    index = np.arange(2 * b)
    keep = (index[:, None] != index) & (index[:, None] != (index + b) % (2 * b))
    return scores[keep].reshape(2 * b, -1) / t, scores[index, (index + b) % (2 * b)] / t, t


def bcl_weights(logits, alpha, beta, tau, guard):
    n = logits.shape[1]
    cdf = (logits[:, None, :] <= logits[:, :, None]).sum(2) / n
    a = (1 - 2 * alpha) * (1 - 2 * tau) + guard
    b = 2 * (alpha * (1 - tau) + (1 - alpha) * tau)
    phi = 2 * cdf / (b + np.sqrt(b * b + 4 * a * cdf))
    easy, hard = alpha * (1 - beta), (1 - alpha) * beta
    target = 2 * (easy * (1 - phi) + hard * phi) / (easy + hard + guard)
    true = 2 * (alpha * (1 - phi) + (1 - alpha) * phi)
    false = 2 * ((1 - alpha) * (1 - phi) + alpha * phi)
    return target / ((1 - tau) * true + tau * false)


def value(case, entry, guard):
    logits, positive, t = rows(case)
    n, tau = logits.shape[1], entry["tau_plus"]
    x, pos = np.exp(logits), np.exp(positive)
    floor = n * np.exp(-1 / t)
    if entry["loss"] == "SimCLR":
        negatives = x.sum(1)
    elif entry["loss"] == "DCL":
        negatives = np.maximum((x.sum(1) - tau * n * pos) / (1 - tau), floor)
    elif entry["loss"] == "HCL":
        y = x ** entry["beta"]
        tilted = (y * x).sum(1) / y.mean(1)
        negatives = np.maximum((tilted - tau * n * pos) / (1 - tau), floor)
    else:
        negatives = (bcl_weights(logits, entry["alpha"], entry["beta"], tau, guard) * x).sum(1)
    return -np.log(pos / (pos + negatives)).mean()


path = pathlib.Path(__file__).parent.parent / "crates/bcl-core/tests/golden/loss_golden.json"
worst = 0.0
for case in json.loads(path.read_text())["cases"]:
    for entry in case["losses"]:
        for kind, guard in (("exact", 0.0), ("reference", 1e-3)):
            worst = max(worst, abs(value(case, entry, guard) - entry[kind]["value"]))
print(f"largest difference {worst:.1e}")
sys.exit(worst > 1e-12)
