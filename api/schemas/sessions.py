"""Schemas of signing in."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from api.schemas.me import MatrixId
from api.schemas.quotes import Unix


class OpenIdIn(BaseModel):
    """An OpenID token object, as the client-server API has it; what else it may hold is ignored."""

    access_token: Annotated[SecretStr, Field(min_length=1, max_length=1000)]
    token_type: Annotated[str, Field(max_length=20, examples=["Bearer"])]
    matrix_server_name: Annotated[str, Field(max_length=255, examples=["example.org"])]
    expires_in: Annotated[int, Field(description="Seconds; your homeserver itself knows whether it is over.")]


class SignedInOut(BaseModel):
    """Who signed in, and what to tell the bot: `session` and the code."""

    model_config = ConfigDict(frozen=True)

    mxid: MatrixId
    confirmed: Literal[False]
    code: Annotated[str, Field(examples=["7K2M-94QX"])]
    bot: MatrixId | None
    expires_at: Annotated[Unix, Field(description="Until when it can be confirmed.")]
