"""Set-up's promises: nothing half done counts as done, and every lack is told in one sentence."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from deploy.bootstrap import remaining
from deploy.machine import LackingError, explain
from deploy.steps import Shell, Step, perform


class Installer:
    """Stands in for pip: puts a program into the folder, or fails in the way it is told to."""

    def __init__(self, home: Path) -> None:
        """Install into ``home``."""
        self.home = home
        self.failure: BaseException | None = None

    def __call__(self, shell: Shell) -> None:
        """Leave something behind, then fail or finish."""
        assert shell.step.home == self.home
        (self.home / "half").touch()
        if self.failure:
            raise self.failure
        program = self.home / "program"
        program.touch()
        program.chmod(0o700)


@pytest.fixture
def installer(tmp_path: Path) -> Installer:
    """Give an installer of an empty folder."""
    return Installer(tmp_path / "home")


@pytest.fixture
def step(installer: Installer, tmp_path: Path) -> Step:
    """Give a step that depends on one lock file."""
    lock = tmp_path / "lock.txt"
    lock.write_text("one==1")
    return Step("a thing", installer.home, (lock,), installer.home / "program", installer)


def do(step: Step) -> None:
    """Perform a step, its output thrown away."""
    perform(step, Shell(io.StringIO(), 0, set(), step))


def test_a_step_is_done_once(step: Step) -> None:
    assert not step.is_done()
    do(step)
    assert step.is_done()


def test_another_lock_asks_for_another_installation(step: Step) -> None:
    do(step)
    step.inputs[0].write_text("one==2")
    assert not step.is_done()


def test_a_missing_program_asks_for_another_installation(step: Step) -> None:
    do(step)
    step.proof.unlink()
    assert not step.is_done()


def test_a_failed_installer_is_not_taken_for_done(step: Step, installer: Installer) -> None:
    installer.failure = LackingError("no")
    with pytest.raises(LackingError):
        do(step)
    assert not step.is_done()


def test_a_failure_after_success_is_not_hidden_by_the_older_stamp(step: Step, installer: Installer) -> None:
    do(step)
    step.inputs[0].write_text("one==2")
    installer.failure = LackingError("no")
    with pytest.raises(LackingError):
        do(step)
    step.inputs[0].write_text("one==1")
    assert not step.is_done()


def test_what_a_killed_run_left_is_cleared_away(step: Step, installer: Installer) -> None:
    installer.failure = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        do(step)
    assert not step.is_done()
    leftover = installer.home / "leftover"
    leftover.touch()
    installer.failure = None
    do(step)
    assert step.is_done()
    assert not leftover.exists()


def test_an_installer_that_installs_nothing_is_found_out(step: Step) -> None:
    step.proof = step.home / "something else"
    with pytest.raises(LackingError, match="missing"):
        do(step)


def test_after_the_first_step_anew_the_rest_of_the_lane_is_anew(step: Step) -> None:
    later = Step("later", step.home, step.inputs, step.proof, step.build, mark="later")
    do(later)
    assert later.is_done()
    assert remaining([step, later]) == [step, later]
    do(step)
    assert remaining([step, later]) == []


@pytest.mark.parametrize(
    ("printed", "sentence"),
    [
        ("ERROR: No matching distribution found for web3==8.0.0", "gave no web3==8.0.0"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES", "other files"),
        ("OSError: [Errno 28] No space left on device", "disk is full"),
        ("HTTPSConnectionPool(...): Max retries exceeded with url", "did not answer"),
        ("npm error code ENOTFOUND", "npm registry did not answer"),
        ("something\nerror: the wheel is round\nbye", "error: the wheel is round"),
        ("", "printed nothing"),
    ],
)
def test_a_lack_is_told_in_one_sentence(printed: str, sentence: str) -> None:
    told = explain(printed, 1)
    assert sentence in told
    assert "\n" not in told
