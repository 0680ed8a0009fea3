"""The observers of a gang's members: the leader's is asked, and told what happens; the others follow it."""

from collections.abc import Sequence

from models.training.gangs.gang import Gang
from models.training.plan import Checkpoint, Command, EpochResult, Observer, Order, Progress


class Agreed:
    """The observer of a member (models.training.plan.Observer): every member gets the answers of the leader's."""

    def __init__(self, observer: Observer, gang: Gang) -> None:
        """Only the leader's `observer` is asked."""
        self._observer, self._gang = observer, gang

    def on_progress(self, progress: Progress) -> None:
        self._observer.on_progress(progress)

    def on_epoch(self, result: EpochResult) -> None:
        self._observer.on_epoch(result)

    def on_order(self, order: Order, step: int) -> None:
        self._observer.on_order(order, step)

    def on_checkpoint(self, checkpoint: Checkpoint) -> None:
        self._observer.on_checkpoint(checkpoint)

    def command(self) -> Command:
        return Command(self._gang.agree(self._observer.command))

    def orders(self) -> Sequence[Order]:
        orders = self._gang.agree(lambda: [order.to_document() for order in self._observer.orders()])
        return [Order.from_document(order) for order in orders]

    def may_end(self) -> bool:
        return bool(self._gang.agree(self._observer.may_end))
