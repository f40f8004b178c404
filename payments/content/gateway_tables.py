"""The tables of the gateway: what stands behind listings, sellers' tokens, and the keys that sign what we ask there."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Integer, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from kit.database import Base, UtcDateTime
from kit.kept_keys import KeptKeyRow


class UpstreamRow(Base):
    """What stands behind a listing, by the ``reference`` in its terms: an address, sealed.

    ``proved_at``: when its host was last seen to let the seller sell that.
    """

    __tablename__ = "gateway_upstreams"
    __table_args__ = (UniqueConstraint("listing", "reference"),)

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True)
    listing: Mapped[int] = mapped_column(ForeignKey("listings.id"))
    reference: Mapped[str] = mapped_column(String(71))
    sealed: Mapped[bytes] = mapped_column(LargeBinary(3000))
    proved_at: Mapped[datetime] = mapped_column(UtcDateTime)


class GatewaySellerRow(Base):
    """The token by which hosts say that a seller may sell what stands there."""

    __tablename__ = "gateway_sellers"

    seller: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True)
    token: Mapped[str] = mapped_column(String(60))


class GatewayKeyRow(KeptKeyRow, Base):
    """A key that signs what the gateway asks, sealed."""

    __tablename__ = "gateway_keys"
