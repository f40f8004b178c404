"""A deliverer in a process of its own, to be killed: ``python -m tests.support.deliverers FOLDER URL SECONDS``.

Its clock is so many seconds ahead, so that another's lease is over.
"""

from __future__ import annotations

import sys
import threading
from datetime import timedelta
from pathlib import Path

from app.delivering import Deliverer
from kit.clock import system_clock
from kit.database import Database, make_engine
from tests.support.services import a_container


def main(folder: str, url: str, seconds: str) -> None:
    """Deliver until killed."""
    ahead = timedelta(seconds=int(seconds))
    container = a_container(
        Path(folder), Database(make_engine(url)), private_networks="127.0.0.0/8", clock=lambda: system_clock() + ahead
    )
    Deliverer(container, look_every=0.02).start()
    threading.Event().wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
