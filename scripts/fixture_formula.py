"""Values that a fixture need not hold: from integers modulo a prime, exact everywhere. The tests have the same formula."""

import torch


def noise(count, k):
    i = torch.arange(count, dtype=torch.int64)
    return (31 * i * i + 7919 * i + 613 * k) % 10007 / 10007.0 * 2 - 1


def fill(state):
    """Tensor k of a model, in the order of the names."""
    for k, name in enumerate(sorted(state)):
        tensor = state[name]
        values = noise(tensor.numel(), k).reshape(tensor.shape)
        if name.endswith("running_var"):
            values = 1.0 + 0.5 * values
        elif tensor.dim() > 1:
            values = values * (6.0 / tensor[0].numel()) ** 0.5
        elif name.endswith("weight"):
            values = 1.0 + 0.3 * values
        else:
            values = 0.1 * values
        tensor.copy_(values.float())
