"""Schemas of the gateway: the keys that sign what it asks."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from api.schemas.quotes import Unix


class GatewayKeyOut(BaseModel):
    """A key; its name has its public half, 32 bytes in base64url, behind `ed25519:`."""

    model_config = ConfigDict(frozen=True)

    key: Annotated[str, Field(examples=["ed25519:11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"])]
    since: Unix


class GatewayKeysOut(BaseModel):
    """The keys, the one that signs now first."""

    model_config = ConfigDict(frozen=True)

    keys: list[GatewayKeyOut]
