"""Writes crates/bcl-exp/tests/fixtures/probe.json: features, labels and what scikit-learn makes of them.

    python -m venv /tmp/v && /tmp/v/bin/pip install scikit-learn==1.8.0
    /tmp/v/bin/python scripts/make_probe_fixture.py

The cached probe is multinomial logistic regression on standardised features with an L2 penalty of 1e-4 a probe
image on the weights, none on the bias; scikit-learn's C is then 1 / (1e-4 N).
"""

import json
import pathlib

import numpy as np
from sklearn.linear_model import LogisticRegression

PENALTY = 1e-4
CLASSES, WIDTH, PROBE, TEST = 4, 6, 160, 60


def split(rng, centres, count):
    labels = rng.integers(0, CLASSES, count)
    scales = np.array([1.0, 5.0, 0.2, 1.0, 3.0, 1.0])  # standardising has something to do
    x = (centres[labels] + rng.normal(size=(count, WIDTH))) * scales + 2.0
    return np.round(x, 3), labels


def main():
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(CLASSES, WIDTH)) * 0.8  # classes overlap: the optimum is finite and inside
    probe, probe_labels = split(rng, centres, PROBE)
    test, test_labels = split(rng, centres, TEST)
    mean, deviation = probe.mean(0), probe.std(0)
    model = LogisticRegression(C=1.0 / (PENALTY * PROBE), tol=1e-10, max_iter=100_000)
    model.fit((probe - mean) / deviation, probe_labels)
    scaled = (test - mean) / deviation
    fixture = {
        "classes": CLASSES,
        "probe": probe.tolist(),
        "probe_labels": probe_labels.tolist(),
        "test": test.tolist(),
        "test_labels": test_labels.tolist(),
        "test_probabilities": np.round(model.predict_proba(scaled), 8).tolist(),
        "test_top1": 100.0 * model.score(scaled, test_labels),
    }
    path = pathlib.Path(__file__).parent.parent / "crates/bcl-exp/tests/fixtures/probe.json"
    path.write_text(json.dumps(fixture) + "\n")
    print(f"{path}: top-1 {fixture['test_top1']:.2f} %")


if __name__ == "__main__":
    main()
