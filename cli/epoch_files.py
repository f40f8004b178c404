"""Files of epochs at the terminal: read, and made anew before anything is done with them."""

from __future__ import annotations

from pathlib import Path

from kit.errors import Invalid
from payments.rewards.epoch_file import LARGEST, Closed, Read, differences, read_file


def read(file: Path) -> Read:
    """Read the file of an epoch. Raises ``Invalid``, which names the file."""
    if file.stat().st_size > LARGEST:
        raise Invalid("epoch_too_large", f"{file}: the file of an epoch is {LARGEST // 2**20} MiB at most.")
    try:
        return read_file(file.read_bytes())
    except Invalid as error:
        raise Invalid(error.code, f"{file}: {error.message}") from error


def right_file(file: Path) -> Closed:
    """Return the epoch of a file that says what comes out of its own inputs. Raises ``Invalid`` for any other."""
    found = read(file)
    if any(True for _ in differences(found)):
        raise Invalid("epoch_differs", f"{file} is wrong; `earnest rewards verify {file}` says where.")
    return found.anew
