"""Trains a benchmark's network as a PyTorch user would by hand: rows as tensors in memory, a loop over batches.

    python benchmarks/peers/torch_loop.py JOB ROWS.npz BATCH_SIZE EPOCHS [bfloat16]

Prints the seconds as JSON. Runs in an environment with benchmarks/peers/requirements.txt. Pictures stay channels last,
as they lie in memory, optimizers are fused where PyTorch can, and a thread runs on every core. With `bfloat16` the
network runs under `torch.autocast`; weights and loss stay float32. `torch.compile` is left out: on a CPU its compiler
alone takes longer than most of these jobs.
"""

import itertools
import json
import os
import sys
import time
from collections.abc import Callable, Iterable

import numpy as np
import torch
from torch import nn


def dense(*units: int) -> nn.Sequential:
    """Flattened rows through Dense layers with relu between them."""
    layers: list[nn.Module] = [nn.Flatten()]
    for units_in, units_out in itertools.pairwise(units[:-1]):
        layers += [nn.Linear(units_in, units_out), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(units[-2], units[-1]))


class Convolutional(nn.Sequential):
    """Four blocks of convolution, BatchNormalization and LeakyReLU, and a dense head with Dropout."""

    def __init__(self) -> None:
        layers: list[nn.Module] = []
        channels = 3
        for filters, stride in ((32, 1), (32, 2), (64, 1), (64, 2)):
            layers += [nn.Conv2d(channels, filters, 3, stride, 1), nn.BatchNorm2d(filters), nn.LeakyReLU(0.3)]
            channels = filters
        head = [nn.Linear(64 * 8 * 8, 128), nn.BatchNorm1d(128), nn.LeakyReLU(0.3), nn.Dropout(0.5), nn.Linear(128, 10)]
        super().__init__(*layers, nn.Flatten(), *head)
        self.to(memory_format=torch.channels_last)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        return super().forward(rows.permute(0, 3, 1, 2))


class Recurrent(nn.Module):
    """An LSTM and a dense head."""

    def __init__(self, features: int, units: int, outputs: int) -> None:
        super().__init__()
        self.lstm, self.head = nn.LSTM(features, units, batch_first=True), nn.Linear(units, outputs)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        return self.head(self.lstm(rows)[0][:, -1])


MakeOptimizer = Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]


def adam(learning_rate: float) -> MakeOptimizer:
    return lambda parameters: torch.optim.Adam(parameters, learning_rate, fused=True)


JOBS: dict[str, tuple[Callable[[], nn.Module], nn.Module, MakeOptimizer]] = {
    "line": (lambda: dense(1, 1), nn.MSELoss(), lambda p: torch.optim.SGD(p, 0.01, fused=True)),
    "rings": (lambda: dense(2, 4, 6, 6, 4, 1), nn.BCEWithLogitsLoss(), adam(0.001)),
    "mnist": (lambda: dense(784, 512, 10), nn.CrossEntropyLoss(), lambda p: torch.optim.RMSprop(p, 0.001, 0.9)),
    "cifar-dense": (lambda: dense(3072, 200, 150, 10), nn.CrossEntropyLoss(), adam(0.0005)),
    "cifar-convolutional": (Convolutional, nn.CrossEntropyLoss(), adam(0.0005)),
    "lstm-series": (lambda: Recurrent(3, 32, 1), nn.MSELoss(), adam(0.001)),
    "lstm-digits": (lambda: Recurrent(28, 64, 10), nn.CrossEntropyLoss(), adam(0.001)),
}


def main(name: str, path: str, batch_size: int, epochs: int, lowered: bool) -> None:
    make, loss, make_optimizer = JOBS[name]
    with np.load(path) as data:
        x, y = torch.from_numpy(data["x"]), torch.from_numpy(data["y"])
    torch.set_num_threads(os.cpu_count() or 1)
    torch.set_flush_denormal(True)
    torch.manual_seed(7)
    start = time.perf_counter()
    network = make()
    optimizer = make_optimizer(network.parameters())
    for _ in range(epochs):
        order = torch.randperm(len(x))
        for begin in range(0, len(x), batch_size):
            rows = order[begin : begin + batch_size]
            optimizer.zero_grad()
            with torch.autocast("cpu", torch.bfloat16, enabled=lowered):
                outputs = network(x.index_select(0, rows))
            value = loss(outputs.float(), y.index_select(0, rows))
            value.backward()
            optimizer.step()
    print(json.dumps({"seconds": time.perf_counter() - start, "loss": value.item()}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5:] == ["bfloat16"])
