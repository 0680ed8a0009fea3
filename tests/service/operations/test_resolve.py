"""The version that is meant: one answer, whoever asks, and the error that suits where it was named."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from service.errors import InvalidRequest, NotFound, NoVersion
from service.operations.catalog import models as catalog
from service.operations.catalog.resolve import LARGEST_NUMBER, find_version, named_in_body
from service.storage import models
from service.storage.database import Session
from service.storage.records import Model
from tests.service.operations import stocked
from tests.service.operations.stocked import LINE, make_context, train


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    """A database with the model `line`, whose label `champion` points to the first of two versions, and `fresh`."""
    context = make_context(tmp_path)
    catalog.create(context, LINE | {"name": "fresh"})
    stocked.work(context)
    train(context, label="champion")
    train(context)
    with context.database.read() as session:
        yield session


@pytest.fixture
def line(session: Session) -> Model:
    return get_model(session, "line")


def get_model(session: Session, name: str) -> Model:
    model = models.by_name(session, name)
    assert model is not None
    return model


def test_it_is_the_one_of_the_number_or_the_label_or_else_the_latest(session: Session, line: Model) -> None:
    assert find_version(session, line, 1).number == 1
    assert find_version(session, line, label="champion").number == 1
    assert find_version(session, line).number == 2


@pytest.mark.parametrize("number", [3, LARGEST_NUMBER + 1, 10**30])
def test_a_version_that_is_not_there_is_not_found_in_a_path_and_a_fault_in_a_body(
    session: Session, line: Model, number: int
) -> None:
    with pytest.raises(NotFound, match=f'The model "line" has no version {number}'):
        find_version(session, line, number)
    with pytest.raises(InvalidRequest) as caught, named_in_body("#/start_from"):
        find_version(session, line, number)
    (fault,) = caught.value.faults
    assert (fault.pointer, fault.allowed) == ("#/start_from/version", (2, 1))


def test_a_label_that_is_not_there_is_told_with_the_nearest(session: Session, line: Model) -> None:
    with pytest.raises(NotFound, match='The model "line" has no label "champoin"'):
        find_version(session, line, label="champoin")
    with pytest.raises(InvalidRequest) as caught, named_in_body():
        find_version(session, line, label="champoin")
    (fault,) = caught.value.faults
    assert (fault.pointer, fault.allowed, fault.did_you_mean) == ("#/label", ("champion",), "champion")


def test_a_model_without_a_version_is_to_be_trained_first(session: Session) -> None:
    fresh = get_model(session, "fresh")
    with pytest.raises(NoVersion, match="no version yet: train it first"):
        find_version(session, fresh)
    with pytest.raises(InvalidRequest, match="no version yet: train it first"), named_in_body():
        find_version(session, fresh, 1)
