"""Schemas of flair: the statement as it is signed, and the keys that sign it."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.schemas.lists import KeyName, SignatureOut
from api.schemas.me import MatrixId
from api.schemas.quotes import Unix
from payments.flair.statement import LONGEST_SERVICE, LONGEST_TIER, LONGEST_TITLE


class _Out(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class StatementOut(_Out):
    """Somebody's flair, signed."""

    type: Literal["org.earnest.flair"]
    format: Literal[1]
    mxid: MatrixId
    tier: Annotated[str, Field(max_length=LONGEST_TIER, pattern="^[a-z0-9][a-z0-9_-]*$", description="The tier's id.")]
    title: Annotated[str, Field(min_length=1, max_length=LONGEST_TITLE, description="What the tier is called.")]
    since: Annotated[Unix, Field(description="Since which day they have it.")]
    until: Annotated[Unix | None, Field(description="Until which day what they gave lasts; null: for good.")]
    service: Annotated[str, Field(max_length=LONGEST_SERVICE, description="The address of the service that says so.")]
    issued: Annotated[Unix, Field(description="From when this statement counts.")]
    expires: Annotated[Unix, Field(description="Until when this statement counts: a day after `issued` at most.")]
    signature: SignatureOut


def statement_schema() -> dict[str, Any]:
    """Return the JSON Schema of a statement, as it is published in docs/schemas."""
    made = StatementOut.model_json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made}


class FlairKeyOut(_Out):
    """A key that signs flair, or did not long ago."""

    key: KeyName
    since: Unix
    until: Annotated[Unix | None, Field(description="It signs nothing that is issued later; null: it signs now.")]


class FlairKeysOut(_Out):
    """The service's keys for flair."""

    keys: list[FlairKeyOut]
