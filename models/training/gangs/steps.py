"""The steps of a gang's epoch: each member runs its share of each batch."""

from collections.abc import Callable

import keras
import numpy as np

from models.building import name_losses
from models.training.gangs.exchange import Exchange
from models.training.gangs.gang import Gang
from models.training.graph_calls import Results
from models.training.steps import EpochSteps


class SharedSteps:
    """A member's share of the steps of an epoch over `rows` rows.

    A step takes `batch_size` rows per member. The last one may have fewer, which are divided as evenly as possible. A
    member that gets none computes on the step's first row, and that doesn't count.
    """

    def __init__(
        self,
        make: Callable[[int], EpochSteps],
        network: keras.Model,
        gang: Gang,
        exchange: Exchange,
        rows: int,
        batch_size: int,
    ) -> None:
        """`make` makes the steps over as many rows as this member has in an epoch."""
        self._network, self._gang, self._exchange = network, gang, exchange
        self._batch_size = batch_size
        self._full, self._rest = divmod(rows, batch_size * gang.hosts)
        self._own_rest = self._rest // gang.hosts + (gang.rank < self._rest % gang.hosts)
        self.steps = self._full + (self._rest > 0)
        self._steps = make(self._full * batch_size + (max(1, self._own_rest) if self._rest else 0))

    def set_order(self, order: np.ndarray) -> None:
        """Use this order of all rows from now on."""
        hosts, rank = self._gang.hosts, self._gang.rank
        full, rest = np.split(order, [self._full * self._batch_size * hosts])
        own = full.reshape(self._full, hosts, self._batch_size)[:, rank].ravel()
        if self._rest:
            last = np.array_split(rest, hosts)[rank] if self._own_rest else rest[:1]
            own = np.concatenate([own, last])
        self._steps.set_order(own)

    def run(self, begin: int, end: int) -> Results:
        if begin and self._gang.rank:
            self._network.reset_metrics()  # the leader's have all rows so far
        if begin < self._full:
            self._exchange.share.assign(1 / self._gang.hosts)
            results = self._steps.run(begin, min(end, self._full))
        if end > self._full:
            results = self._run_rest(max(begin, self._full))
        self._add_metrics()
        metrics = name_losses(self._network.get_metrics_result())
        return results._replace(metrics={name: float(np.mean(value)) for name, value in metrics.items()})

    def _run_rest(self, begin: int) -> Results:
        before = [np.zeros_like(each.numpy()) if begin == 0 else each.numpy() for each in self._metrics()]
        self._exchange.share.assign(self._own_rest / self._rest)
        results = self._steps.run(begin, begin + 1)
        if not self._own_rest:
            for variable, value in zip(self._metrics(), before, strict=True):
                variable.assign(value)
        return results

    def _metrics(self) -> list[keras.Variable]:
        return [variable for metric in self._network.metrics for variable in metric.variables]

    def _add_metrics(self) -> None:
        """Give all members the metrics of all rows: what metrics count can be added up."""
        variables = self._metrics()
        values = [variable.numpy() for variable in variables]
        total = self._gang.add(np.concatenate([value.reshape(-1).astype(np.float64) for value in values]))
        ends = np.cumsum([value.size for value in values])[:-1]
        for variable, part in zip(variables, np.split(total, ends), strict=True):
            variable.assign(part.reshape(variable.shape))
