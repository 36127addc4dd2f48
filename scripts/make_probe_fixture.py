"""Writes crates/bcl-exp/tests/fixtures/probe.json: features, labels and what scikit-learn makes of them.

    python -m venv /tmp/v && /tmp/v/bin/pip install scikit-learn==1.8.0
    /tmp/v/bin/python scripts/make_probe_fixture.py

The cached probe is multinomial logistic regression on standardised features with an L2 penalty a probe image on the
weights, none on the bias; scikit-learn's C is then 1 / (penalty N). With two classes scikit-learn has one row of weights
w instead of our w/2 and -w/2, whose penalty is half as large: C is 2 / (penalty N).
"""

import json
import pathlib

import numpy as np
from sklearn.linear_model import LogisticRegression

PENALTIES = [1e-4, 1e-2, 1.0]
CLASSES, WIDTH, PROBE, TEST = 4, 6, 160, 60


def split(rng, centres, count):
    labels = rng.integers(0, CLASSES, count)
    scales = np.array([1.0, 5.0, 0.2, 1.0, 3.0, 1.0])  # standardising has something to do
    x = (centres[labels] + rng.normal(size=(count, WIDTH))) * scales + 2.0
    return np.round(x, 3), labels


def fit(probe, labels, test, test_labels, penalty):
    """Weights and biases for the features as they are, with the standardisation folded in."""
    mean, deviation = probe.mean(0), probe.std(0)
    two = len(set(labels)) == 2
    model = LogisticRegression(C=(2 if two else 1) / (penalty * len(labels)), tol=1e-12, max_iter=100_000)
    model.fit((probe - mean) / deviation, labels)
    weight, bias = model.coef_, model.intercept_
    if two:
        weight, bias = np.concatenate([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
    weight = weight / deviation
    scaled = (test - mean) / deviation
    return {
        "penalty": penalty,
        "weight": np.round(weight, 8).tolist(),
        "bias": np.round(bias - weight @ mean, 8).tolist(),
        "probabilities": np.round(model.predict_proba(scaled), 8).tolist(),
        "predictions": model.predict(scaled).tolist(),
        "top1": 100.0 * model.score(scaled, test_labels),
    }


def main():
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(CLASSES, WIDTH)) * 0.8  # classes overlap: the optimum is finite and inside
    probe, probe_labels = split(rng, centres, PROBE)
    test, test_labels = split(rng, centres, TEST)
    fits = lambda y, z: [fit(probe, y, test, z, penalty) for penalty in PENALTIES]
    fixture = {
        "classes": CLASSES,
        "probe": probe.tolist(),
        "probe_labels": probe_labels.tolist(),
        "test": test.tolist(),
        "test_labels": test_labels.tolist(),
        "fits": fits(probe_labels, test_labels),
        "fits_of_labels_modulo_two": fits(probe_labels % 2, test_labels % 2),
    }
    path = pathlib.Path(__file__).parent.parent / "crates/bcl-exp/tests/fixtures/probe.json"
    path.write_text(json.dumps(fixture) + "\n")
    print(f"{path}: top-1 {[round(one['top1'], 2) for one in fixture['fits']]} %")


if __name__ == "__main__":
    main()
