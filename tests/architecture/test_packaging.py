"""What is installed, and from where: the wheel's contents, and lock files that name no registry."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from tests.architecture.sources import PACKAGES, ROOT


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """Build the wheel as pip would, without asking any index."""
    folder = tmp_path_factory.mktemp("wheel")
    options = ("--no-deps", "--no-build-isolation", "--no-index", f"--wheel-dir={folder}")
    command = (sys.executable, "-m", "pip", "wheel", *options, str(ROOT))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (built,) = folder.glob("*.whl")
    return zipfile.ZipFile(built)


def test_wheel_holds_exactly_the_packages(wheel: zipfile.ZipFile) -> None:
    top = {name.partition("/")[0] for name in wheel.namelist()}
    assert {name for name in top if not name.endswith(".dist-info")} == set(PACKAGES)


def test_wheel_holds_what_is_read_at_run_time(wheel: zipfile.ZipFile) -> None:
    held = set(wheel.namelist())
    folders = ("contracts/artifacts", "contracts/deployments", "app/wording", "api/pages")
    kinds = {".json", ".mo", ".po", ".html", ".css", ".js", ".svg", ".txt"}
    command = ("git", "ls-files", "-z", *folders)
    tracked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if tracked.returncode != 0:
        pytest.skip("not a git checkout: nothing says which files belong to it")
    wanted = {name for name in tracked.stdout.split("\0") if Path(name).suffix in kinds and (ROOT / name).exists()}
    assert wanted - held == set()


def test_wheel_cannot_be_published() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    assert "Private :: Do Not Upload" in project["classifiers"]


def test_lock_files_name_no_registry() -> None:
    locks = [*sorted((ROOT / "requirements").glob("*.*")), ROOT / "pyproject.toml"]
    locks += [ROOT / folder / "package-lock.json" for folder in (".", "cli/demo/buyer", "tests/support/peer")]
    for lock in locks:
        for number, line in enumerate(lock.read_text(encoding="utf-8").splitlines(), 1):
            where = f"{lock.name}:{number}: {line.strip()}"
            # The pages of sponsors, which npm copies into its locks, are taken out too: nothing there names a host.
            assert not re.search(r"https?://|file://", line), where
            assert not re.match(r"\s*(--(extra-)?index-url|-i|--find-links|-f|--trusted-host)\b", line), where


def test_every_locked_package_has_its_hash() -> None:
    for lock in sorted((ROOT / "requirements").glob("*.txt")):
        entries = re.split(r"\n(?=\S)", lock.read_text(encoding="utf-8").strip())
        entries = [entry for entry in entries if not entry.startswith("#")]
        assert entries, lock.name
        assert [entry for entry in entries if "==" not in entry or "--hash=sha256:" not in entry] == []
