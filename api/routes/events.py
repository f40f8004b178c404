"""Events: what happened to whoever asks, as a page or as a stream (Server-Sent Events)."""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response
from starlette.responses import JSONResponse

from api.dependencies import ContainerDep, Reader, StreamsDep
from api.schemas.events import EventId, EventsOut
from api.schemas.problems import problems
from app.feeds import show_all
from kit.errors import Invalid
from ledger.telling import Mode

router = APIRouter(prefix="/v1/events", tags=["events"], responses=problems(400, 401, 403, 409, 410, 429, 503))

_MOST = 500
_LONGEST_ID = 19
_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {"text/event-stream": {"example": "id: 7\nevent: stake.opened\ndata: {…}\n\n"}},
        "model": EventsOut,
    }
}


@router.get("", response_model=EventsOut, responses=_STREAM)
def events(
    request: Request,
    reader: Reader,
    container: ContainerDep,
    streams: StreamsDep,
    after: Annotated[
        EventId | None, Query(description="Only what follows this id; all that is kept by default.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=_MOST)] = 100,
    mode: Mode = Mode.ALL,
    last_event_id: Annotated[str | None, Header(description="As a browser's EventSource sends it.")] = None,
) -> Response:
    """Return your events after an id, oldest first; with ``Accept: text/event-stream`` those that come, too.

    Whoever has read up to an id never meets a new event below it. Events are kept for a while (30 days by default); a
    cursor that is older is answered with 410 and the oldest id there is.
    """
    wanted = "text/event-stream" in request.headers.get("accept", "")
    if wanted and last_event_id is not None:
        after = _number(last_event_id)
    with container.read(one_moment=True) as work:
        if wanted and after is None:
            after = work.feed.bounds(reader.person)[1]
        page = work.feed.page(reader.person, after, limit=1 if wanted else limit, mode=mode)
        shown = show_all(work, page.events)
    if wanted:
        return streams.open(reader.person, after or 0, mode, reader.still)
    body = {"events": shown, "next": page.next, "more": page.more}
    return JSONResponse(body, headers={"Cache-Control": "private, no-store"})


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= _LONGEST_ID):
        raise Invalid("event_id_malformed", "Last-Event-ID is the id of an event: a whole number.")
    return int(text)
