"""Standing: how somebody stands with the person who asks, and through whom; never as seen by anybody else."""

from typing import Annotated

from fastapi import APIRouter, Query

from api.dependencies import ContainerDep, Reader
from api.schemas.me import StandingOut
from api.schemas.problems import problems
from kit.errors import Invalid
from kit.identifiers import PersonId, parse_user_id

router = APIRouter(prefix="/v1/me/standing", tags=["me"], responses=problems(400, 401, 403, 404, 409, 429, 503))


@router.get("")
def standing(
    other: Annotated[str, Query(max_length=255, examples=["@bob:example.org"])],
    reader: Reader,
    container: ContainerDep,
    quorum: Annotated[
        int | None,
        Query(ge=1, le=3, description="How many must vouch for a stranger who is heard; else your own."),
    ] = None,
) -> StandingOut:
    """Tell how somebody stands with you: reputation and confidence, whose words that is made of, and by which path.

    It is made of what you said yourself, and of what others say to you: people who accepted you or vouch for you, and
    whoever speaks to everybody.
    """
    user = parse_user_id(other)
    with container.read() as work:
        subject = work.people.find(user)
        staked = 0.0 if subject is None else work.outlooks.staked(reader.person, subject)
    if subject == reader.person:
        raise Invalid("standing_self", "Nobody stands with themselves.")
    nobody = PersonId(0)  # of whom nothing is said
    judged = container.hearing.judgements.judge(reader.person, subject or nobody, quorum=quorum, staked=staked)
    found = judged.explanation
    people = {share.who for share in found.shares} | set(found.path)
    if found.through is not None:
        people.add(found.through)
    with container.read() as work:
        known = work.people.mxids(map(PersonId, people))
    names = {int(number): name for number, name in known.items()}
    shown = [
        {"who": names.get(share.who), "percent": share.percent, "good": share.good, "bonded": share.bonded}
        for share in found.shares
    ]
    return StandingOut.model_validate(
        {
            "other": user,
            "reputation": round(found.standing.reputation, 4),
            "confidence": round(found.standing.confidence, 4),
            "alone": {
                "reputation": round(found.alone.reputation, 4),
                "confidence": round(found.alone.confidence, 4),
            },
            "prior": round(judged.prior, 4),
            "quorum": judged.quorum,
            "nobody": found.nobody,
            "shares": shown,
            "path": [names.get(each) for each in found.path],
            "through": None if found.through is None else names.get(found.through),
        }
    )
