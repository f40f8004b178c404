"""The table of the shop's rules, by which the operator lets listings be held."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Integer, Text
from sqlalchemy.orm import Mapped, mapped_column

from kit.database import Base, UtcDateTime


class ShopVersionRow(Base):
    """The rules as the operator once set them; the newest is what stands. There is one ``shop``, 1."""

    __tablename__ = "shop_versions"

    shop: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    document: Mapped[str] = mapped_column(Text)
    since: Mapped[datetime] = mapped_column(UtcDateTime)
