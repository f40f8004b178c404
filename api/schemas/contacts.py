"""Schemas of whom a person knows, and of what they imported."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from api.schemas.me import MatrixId
from api.schemas.quotes import Unix
from reputation.contacts import MOST_AT_ONCE
from reputation.model import ContactWhy


class _Out(BaseModel):
    model_config = ConfigDict(frozen=True)


class ContactOut(_Out):
    """Somebody whom you know, by what way, and since when."""

    who: MatrixId
    why: ContactWhy
    since: Unix


class ContactsOut(_Out):
    """Whom you know, in the order of their names."""

    contacts: list[ContactOut]
    next: Annotated[str | None, Field(description="What to ask for as `after` to see more; null at the end.")]


class ContactsIn(BaseModel):
    """People whom you know already. A longer import is several requests that carry the same moment."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"people": ["@bob:example.org", "@carol:example.org"]}]}
    )

    people: Annotated[list[Annotated[str, Field(max_length=255)]], Field(max_length=MOST_AT_ONCE)]
    imported: Annotated[
        int | None,
        Field(ge=0, le=2**37, description="The moment of an import that is going on; without it a new one begins."),
    ] = None


class TakenOut(_Out):
    """What an import did; its moment undoes it as a whole."""

    imported: Unix
    added: Annotated[int, Field(description="Who pass your door freely from now on.")]
    known: Annotated[int, Field(description="Whom you knew already; of them nothing changed.")]
    left_out: Annotated[int, Field(description="Whom you called spam, and yourself.")]


class ImportOut(_Out):
    """An import, and of how many people it still is the reason to know them."""

    imported: Unix
    people: int


class ImportsOut(_Out):
    """Your imports, newest first."""

    imports: list[ImportOut]


class UndoneOut(_Out):
    """How many people an undone import concerned."""

    undone: int
