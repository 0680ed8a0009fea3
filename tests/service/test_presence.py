"""What one process shows the others of its host: that it is still busy with something."""

import subprocess
import sys

import pytest

from service.presence import Presence, here, may_be_present
from tests.running_service import ROOT

HOLD_AND_DIE = """
import os, signal
from service.presence import Presence
presence = Presence("held")
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_name_is_present_until_its_holder_ends_it() -> None:
    with Presence("name"):
        assert may_be_present("name", here())
        assert not may_be_present("another", here())
        with pytest.raises(OSError, match="in use"):
            Presence("name")
    assert not may_be_present("name", here())


def test_a_presence_ends_with_the_last_reference_to_it() -> None:
    presence = Presence("name")
    del presence
    assert not may_be_present("name", here())


def test_a_presence_ends_with_its_process() -> None:
    subprocess.run([sys.executable, "-c", HOLD_AND_DIE], cwd=ROOT, check=False)
    assert not may_be_present("held", here())


@pytest.mark.parametrize("elsewhere", [{"boot": "another"}, {"network": 0}])
def test_a_presence_elsewhere_can_not_be_ruled_out(elsewhere: dict[str, object]) -> None:
    assert may_be_present("name", {**here(), **elsewhere})
