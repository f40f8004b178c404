"""Table of the keys that sign flair."""

from __future__ import annotations

from kit.database import Base
from kit.kept_keys import KeptKeyRow


class FlairKeyRow(KeptKeyRow, Base):
    """A key that signs flair, sealed."""

    __tablename__ = "flair_keys"
