"""Subscriptions: lists of others at one's own door; each is a rule of the door's document, and nothing beside it."""

from fastapi import APIRouter, Depends

from api.dependencies import ContainerDep, Reader, Writer, limited
from api.routes.doors import tried_out
from api.schemas.doors import TriedOut
from api.schemas.problems import problems
from api.schemas.subscriptions import (
    ListName,
    SubscriptionIn,
    SubscriptionOut,
    SubscriptionsOut,
    SubscriptionTryIn,
)
from app import drafts
from app.container import Work
from kit.identifiers import PersonId
from reputation import door_lists
from reputation.door_lists import AtDoor
from reputation.policy import DoorDocument
from reputation.policy_doors import document_of

router = APIRouter(prefix="/v1/me/subscriptions", tags=["me"], responses=problems(400, 401, 403, 404, 409, 429, 503))


@router.get("")
def all_(reader: Reader, container: ContainerDep) -> SubscriptionsOut:
    """List the lists of others that your door asks, and those that it could."""
    with container.read() as work:
        return _shown(work, reader.person)


@router.put("/{name}")
def subscribe(name: ListName, asked: SubscriptionIn, writer: Writer, container: ContainerDep) -> SubscriptionsOut:
    """Let your door ask a list, or ask it otherwise. `POST /v1/me/door/undo` takes it back, as any change."""
    with container.work() as work:
        work.doors.write(writer.person, _draft(work, writer.person, name, asked))
        return _shown(work, writer.person)


@router.post("/{name}/try", dependencies=[Depends(limited("door_try", per_minute=6, burst=6))])
def try_(name: ListName, asked: SubscriptionTryIn, reader: Reader, container: ContainerDep) -> TriedOut:
    """Tell what it would have changed for whoever knocked lately, by what is known of them today; changes nothing."""
    with container.read(one_moment=True) as work:
        found = drafts.tried(work, reader.person, _draft(work, reader.person, name, asked), asked.days)
    return tried_out(found)


@router.delete("/{name}")
def unsubscribe(name: ListName, writer: Writer, container: ContainerDep) -> SubscriptionsOut:
    """Let your door not ask a list any more; all else of it stays as it is."""
    with container.work() as work:
        work.doors.write(writer.person, door_lists.left(_door(work, writer.person), name))
        return _shown(work, writer.person)


def _draft(work: Work, person: PersonId, name: str, asked: SubscriptionIn) -> DoorDocument:
    work.followed.find(name)
    one = AtDoor(name, asked.do, None if asked.stake is None else door_lists.holding(asked.stake))
    for whom in asked.excepted:
        one = door_lists.but(one, whom)
    return door_lists.subscribed(_door(work, person), one)


def _door(work: Work, person: PersonId) -> DoorDocument:
    return document_of(work.doors.show(person))


def _shown(work: Work, person: PersonId) -> SubscriptionsOut:
    found = door_lists.lists_at(_door(work, person))
    names = {one.name for one in found}
    return SubscriptionsOut(
        subscriptions=[
            SubscriptionOut(
                name=one.name,
                do=one.does,
                stake=None if one.price is None else one.price.stake,
                excepted=list(one.excepted),
                rule=one.rule.name,
            )
            for one in found
        ],
        others=[one.name for one in work.followed.all() if one.name not in names],
    )
