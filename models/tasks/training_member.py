"""The task of a job that helps a training job: it builds the same network and follows the gang's leader."""

from collections.abc import Sequence
from pathlib import Path

from models.datasets import Dataset
from models.errors import ModelsError
from models.jobs.assignment import Phase, Unfinished
from models.jobs.training import TrainingAssignment
from models.jobs.training_member import TrainingMemberAssignment, TrainingMemberResult
from models.tasks.channel import Channel
from models.tasks.training_preparation import build, find_kept, load, make_plan
from models.training.checkpoints import read_checkpoint
from models.training.gangs.gang import MemberLost
from models.training.gangs.links import gathered
from models.training.loop import train
from models.training.plan import Checkpoint, Command, EpochResult, Order, Progress
from models.training.threads import configure_threads


class Follower:
    """The observer of a member's training. The leader reports and obeys; this one only shows that it makes progress."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def on_progress(self, progress: Progress) -> None:
        self._channel.progress({"step": progress.step, "steps": progress.steps, "fraction": progress.fraction})

    def on_epoch(self, result: EpochResult) -> None: ...

    def on_order(self, order: Order, step: int) -> None: ...

    def on_checkpoint(self, checkpoint: Checkpoint) -> None: ...

    def command(self) -> Command:
        return Command.RUN

    def orders(self) -> Sequence[Order]:
        return ()

    def may_end(self) -> bool:
        return True


def run(assignment: TrainingMemberAssignment, folder: Path, channel: Channel) -> TrainingMemberResult | Unfinished:
    """Follow the leader until the training ends. What can't be trained is the leader's to report: it does the same."""
    channel.phase(Phase.BUILD)
    configure_threads(assignment.runtime.threads)
    try:
        return TrainingMemberResult(_follow(assignment.training, folder, channel))
    except MemberLost as error:
        print(error)  # into the job's log
        return Unfinished.MEMBER_LOST
    except ModelsError as error:
        print(error.detail)
        return TrainingMemberResult(0)


def _follow(assignment: TrainingAssignment, folder: Path, channel: Channel) -> int:
    """Train with the others; returns the number of steps."""
    dataset = Dataset.open(assignment.dataset)
    trained = build(assignment, find_kept(assignment), dataset, folder)
    rows = load(assignment, trained, dataset, folder)
    plan = make_plan(trained.spec, assignment.request)
    assert assignment.gang is not None
    channel.phase(Phase.GATHER)
    with gathered(assignment.gang) as gang:
        name = gang.agree(lambda: None)
        folders = {each.name: each for each in assignment.checkpoints}
        checkpoint = None if name is None else read_checkpoint(folders[name])
        channel.phase(Phase.TRAIN)
        observer = Follower(channel)
        outcome = train(trained.network, rows["train"], rows.get("validation"), plan, observer, checkpoint, gang)
    return outcome.steps
