"""The keys that sign published lists: made when the first list is, sealed, shown by their names."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy.orm import Session

from kit.kept_keys import KeptKeys
from kit.sealing import Seal
from reputation.publishing_tables import ListKeyRow


class ListKeys(KeptKeys):
    """The service's keys for lists; the newest one signs. Followers stop at a new one until they are told so."""

    def __init__(self, session: Session, now: datetime, seal: Callable[[], Seal]) -> None:
        """Work in ``session``, at ``now``; ``seal`` keeps them."""
        super().__init__(session, now, seal, rows=ListKeyRow, what="list")
