"""OpenAPI: the framework's document, put right where we answer otherwise than the framework would."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from api.errors import PROBLEM_MEDIA_TYPE

_FRAMEWORKS_OWN = ("HTTPValidationError", "ValidationError")


def install(app: FastAPI) -> None:
    """Have ``app`` tell of its errors as they are: problems, and 400 for a request of the wrong form."""
    made = app.openapi

    def document() -> dict[str, Any]:
        fresh = app.openapi_schema is None
        schema = made()
        if fresh:
            _put_right(schema)
        return schema

    app.openapi = document  # type: ignore[method-assign]


def _put_right(schema: dict[str, Any]) -> None:
    for methods in schema["paths"].values():
        for operation in methods.values():
            responses = operation["responses"]
            responses.pop("422", None)
            for response in responses.values():
                content = response.get("content", {})
                if PROBLEM_MEDIA_TYPE in content:
                    content.pop("application/json", None)
    for name in _FRAMEWORKS_OWN:
        schema["components"]["schemas"].pop(name, None)
