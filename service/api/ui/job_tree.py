"""The tree of trainings that started from one another."""

from dataclasses import dataclass, field
from typing import Any

from service.api.contract.schemas.training_jobs import TrainingJobSchema
from service.context import Context
from service.errors import NotFound
from service.operations.jobs import client_jobs
from service.operations.jobs.client_jobs import JobView
from service.operations.jobs.kinds import training
from service.storage.paging import PageQuery

MOST_ANCESTORS, MOST_GENERATIONS, MOST_CHILDREN, MOST_JOBS = 10, 4, 20, 60


@dataclass
class Branch:
    """A training job, as its schema shows it, with those that started from it."""

    job: dict[str, Any]
    children: list["Branch"] = field(default_factory=list)
    is_cut: bool = False
    """Whether more jobs started from it than `children` has."""


@dataclass
class JobTree:
    """The oldest ancestor of a job that is shown, with its descendants that lead to the job and all below the job."""

    root: Branch
    has_older: bool = False
    """Whether the root has a parent, which is not shown."""
    lost_parent: str | None = None
    """The id of the root's parent, if it was deleted."""

    @property
    def is_alone(self) -> bool:
        return not (self.root.children or self.lost_parent or self.has_older)


def read_tree(context: Context, view: JobView) -> JobTree:
    """The tree around a job."""
    own = Branch(_show(view))
    _grow(context, own)
    tree = JobTree(own)
    parent = view.job.parent
    for _ in range(MOST_ANCESTORS):
        if parent is None:
            return tree
        try:
            found = client_jobs.get(context, training.KIND, parent)
        except NotFound:
            tree.lost_parent = parent
            return tree
        tree.root, parent = Branch(_show(found), [tree.root]), found.job.parent
    tree.has_older = parent is not None
    return tree


def _grow(context: Context, root: Branch) -> None:
    """Add the jobs that started from the root's job, and theirs, generation by generation."""
    waiting, shown = [(root, MOST_GENERATIONS)], 0
    for branch, generations in waiting:  # which grows meanwhile
        most = min(MOST_CHILDREN, MOST_JOBS - shown) if generations else 0
        query = PageQuery(max(1, most), sort="created_at", filters={"parent": branch.job["id"]})
        page = client_jobs.list_page(context, training.KIND, query)
        branch.children = [Branch(_show(view)) for view in page.items[:most]]
        branch.is_cut = page.next_cursor is not None or len(page.items) > most
        shown += len(branch.children)
        waiting += [(child, generations - 1) for child in branch.children]


def _show(view: JobView) -> dict[str, Any]:
    shown: dict[str, Any] = TrainingJobSchema().dump(view)
    return shown
