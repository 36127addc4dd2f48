"""Writes crates/bcl-exp/tests/fixtures/eval.json: scores and measures by scikit-learn, NumPy and PyTorch.

Needs numpy, scikit-learn and torch. Deterministic.
"""

import json
import pathlib

import numpy as np
import torch
from sklearn.metrics import balanced_accuracy_score, confusion_matrix, recall_score, roc_auc_score, top_k_accuracy_score
from sklearn.neighbors import KNeighborsClassifier

CLASSES, WIDTH, PROBE, TEST = 7, 8, 210, 90
K, TEMPERATURE = 20, 0.1


def align_loss(x, y, alpha=2):
    """Wang and Isola 2020, as they print it."""
    return (x - y).norm(p=2, dim=1).pow(alpha).mean()


def uniform_loss(x, t=2):
    """Wang and Isola 2020, as they print it."""
    return torch.pdist(x, p=2).pow(2).mul(-t).exp().mean().log()


def knn(probe, labels, test, test_labels):
    model = KNeighborsClassifier(K, metric="cosine", weights=lambda d: np.exp((1 - d) / TEMPERATURE))
    votes = model.fit(probe, labels).predict_proba(test)
    predicted = votes.argmax(1)
    return {
        "top1": 100 * float((predicted == test_labels).mean()),
        "top5": 100 * float(top_k_accuracy_score(test_labels, votes, k=5, labels=range(CLASSES))),
        "balanced": 100 * float(balanced_accuracy_score(test_labels, predicted)),
        "per_class": (100 * recall_score(test_labels, predicted, labels=range(CLASSES), average=None)).tolist(),
        "confusion": confusion_matrix(test_labels, predicted, labels=range(CLASSES)).tolist(),
    }


def auc(x, labels):
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    rows = []
    for i in range(len(x)):
        keep = np.arange(len(x)) != i
        rows.append(roc_auc_score(labels[keep] == labels[i], (unit @ unit[i])[keep]))
    return float(np.mean(rows))


def measures(z1, z2):
    x, y = torch.from_numpy(z1), torch.from_numpy(z2)
    values = np.linalg.svd(z1, compute_uv=False)
    shares = values / values.sum()
    return {
        "alignment": float(align_loss(x, y)),
        "uniformity": float((uniform_loss(x) + uniform_loss(y)) / 2),
        "feature_std": float(z1.std(0, ddof=1).mean()),
        "effective_rank": float(np.exp(-(shares * np.log(shares)).sum())),
    }


def main():
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(CLASSES, WIDTH))
    labels, test_labels = rng.integers(0, CLASSES, PROBE), rng.integers(0, CLASSES, TEST)
    draw = lambda y: np.round(centres[y] + 1.2 * rng.normal(size=(len(y), WIDTH)), 3)
    probe, test = draw(labels), draw(test_labels)
    unit = lambda x: x / np.linalg.norm(x, axis=1, keepdims=True)
    other = np.round(test + 0.3 * rng.normal(size=test.shape), 3)
    fixture = {
        "classes": CLASSES,
        "k": K,
        "temperature": TEMPERATURE,
        "probe": probe.tolist(),
        "probe_labels": labels.tolist(),
        "test": test.tolist(),
        "test_labels": test_labels.tolist(),
        "other_view": other.tolist(),
        "knn": knn(probe, labels, test, test_labels),
        "macro_auc": auc(test, test_labels),
        "representation": measures(unit(test), unit(other)),
    }
    path = pathlib.Path(__file__).parent.parent / "crates/bcl-exp/tests/fixtures/eval.json"
    path.write_text(json.dumps(fixture) + "\n")
    print(f"{path}: kNN top-1 {fixture['knn']['top1']:.2f} %, {fixture['representation']}")


if __name__ == "__main__":
    main()
