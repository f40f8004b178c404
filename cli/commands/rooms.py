"""``earnest rooms``: which rooms are looked after, whose lists act there, what was done and why, and what waits."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import click

from app.container import Container, Work
from app.protecting import overridden
from cli.commands.rooms_import import import_
from cli.context import container_of, told
from cli.counting import counted
from kit.errors import NotFound
from kit.identifiers import isolate
from reputation.beside import Beside
from reputation.consequence_rows import Remembered
from reputation.enforcement.model import Cause, Subscription, Veto
from reputation.moderation import Management, Protected
from reputation.turning import Turned

_MOST = 1_000


@click.group()
def rooms() -> None:
    """Rooms in which lists act: management rooms, the rooms that they protect, and what was done there and why.

    Whoever looks after rooms does so from Matrix, by writing to the bot; here an operator sees what stands.
    """


rooms.add_command(import_)


@rooms.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
@told
def list_rooms(context: click.Context, *, as_json: bool) -> None:
    """List the management rooms, with how much stands and waits in each."""
    container = container_of(context)
    with container.read() as work:
        found = [_summary(work, one) for one in work.moderation.all()]
    if as_json:
        click.echo(json.dumps(found))
    elif not found:
        click.echo("No room is looked after. Whoever writes `moderate NAME` to the bot begins.")
    for one in found if not as_json else ():
        ended = f", ended {one['ended_at'][:10]}" if one["ended_at"] else ""
        click.echo(
            f"{one['id']}. {isolate(one['name'])} of {isolate(one['owner'] or 'somebody who has left us')}{ended}"
        )
        states = ", ".join(f"{count:,} {state}" for state, count in one["consequences"].items()) or "nothing done"
        rooms_, lists = counted(one["rooms"], "room"), counted(one["lists"], "list")
        click.echo(f"    {rooms_}, {lists}, {counted(one['vetoes'], 'veto', 'vetoes')}; {states}")


@rooms.command()
@click.argument("number", type=int)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
@told
def show(context: click.Context, *, number: int, as_json: bool) -> None:
    """Show the management room NUMBER: its rooms, its lists and what follows from them, its vetoes."""
    with container_of(context).read() as work:
        one = work.moderation.get(number)
        summary = _summary(work, one)
        protected = [_protected(each) for each in work.moderation.rooms(number)]
        lists = [_subscription(each) for each in work.moderation.lists.subscriptions(number)]
        waited_for = work.moderation.beside.outside(number)
        outside = {room: "put out" if put_out else "waited for" for room, put_out in waited_for.items()}
        beside = _beside(work.moderation.beside.of(number))
        vetoes = [
            {"id": each.id, "by": each.by, "since": each.since.isoformat(), **_veto(each.says)}
            for each in work.moderation.lists.vetoes(number)
        ]
    if as_json:
        more = {"vetoed": vetoes, "outside": outside, "beside": beside}
        click.echo(json.dumps({**summary, "protected": protected, "subscriptions": lists, **more}))
        return
    click.echo(f"{isolate(one.name)}: {one.threshold} must agree; redactions and kicks {_confirm(one)}")
    if one.rehearse_until is not None:
        click.echo(f"rehearses until {one.rehearse_until:%Y-%m-%d %H:%M} UTC")
    if beside is not None:
        who = "we act" if beside["acting"] else "it acts"
        bot = isolate(beside["bot"] or "a bot that has left us")
        click.echo(f"beside {bot}: {who}, policy room {beside['room'] or 'not made yet'}")
    for name, why in outside.items():
        click.echo(f"room {isolate(name)}: {why}")
    for each in protected:
        lacks = f"  (no power to {', '.join(each['lacks'])})" if each["lacks"] else ""
        click.echo(f"room {isolate(each['room'])}{' (space)' if each['is_space'] else ''}{lacks}")
    for each in lists:
        trust = f" times {each['trust'] or 0:.2f} (trust in its author)" if "trust" in each else ""
        click.echo(f"list {each['name']}: {each['mode']}, weight {each['weight']}{trust}, share {each['share']} %")
    for each in vetoes:
        click.echo(f"veto {each['id']}: {isolate(str(each['about']))}")


@rooms.command()
@click.argument("number", type=int)
@click.option("--who", help="Only what concerns this Matrix id or server.")
@click.option("--limit", type=click.IntRange(1, _MOST), default=50, show_default=True, help="At most so many.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
@told
def history(context: click.Context, *, number: int, who: str | None, limit: int, as_json: bool) -> None:
    """Show what was done from the management room NUMBER and why, newest first, and what waits for a yes."""
    with container_of(context).read() as work:
        work.moderation.get(number)
        found = work.moderation.consequences.history(number, target=who, most=limit)
    _tell(found, as_json=as_json)


@rooms.command("kept-out")
@click.argument("number", type=int)
@click.option("--who", help="Only what concerns this Matrix id or server.")
@click.option("--limit", type=click.IntRange(1, _MOST), default=50, show_default=True, help="At most so many.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
@told
def kept_out(context: click.Context, *, number: int, who: str | None, limit: int, as_json: bool) -> None:
    """Show whom lists kept out of the rooms of the management room NUMBER at the gate, and why, the last one first."""
    with container_of(context).read() as work:
        work.moderation.get(number)
        found = work.moderation.turning.history(number, target=who, most=limit)
    if as_json:
        click.echo(json.dumps([_turned(one) for one in found]))
    elif not found:
        click.echo("Nobody.")
    for one in found if not as_json else ():
        whom = isolate(one.target or "somebody who has left us")
        click.echo(f"{one.last_at:%Y-%m-%d %H:%M} {whom} from {isolate(one.room)}, {one.times} times")
        for cause in one.causes:
            reason = f": {isolate(cause.reason)}" if cause.reason else ""
            click.echo(f"      {cause.name} says {cause.recommendation} by {isolate(cause.entity)}{reason}")


@rooms.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
@told
def overrides(context: click.Context, *, name: str, as_json: bool) -> None:
    """Tell how often what the followed list NAME caused was overruled, with a 95 % interval."""
    container: Container = container_of(context)
    with container.read() as work:
        number = work.followed.find(name).id
    found = overridden(container, number)
    if as_json:
        told_ = {name: getattr(found, name) for name in ("acted", "overruled", "rooms", "share", "low", "high")}
        click.echo(json.dumps({**told_, "for_author": found.for_author}))
    elif not found.acted:
        click.echo(f"{name} caused nothing yet.")
    else:
        click.echo(
            f"Of {found.acted:,} that {name} caused, {found.overruled:,} were overruled: {found.share:.1%} "
            f"({found.low:.1%} to {found.high:.1%}), in {counted(found.rooms, 'management room')}."
        )


@rooms.command()
@click.argument("number", type=int)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--again", is_flag=True, help="Try again to undo what could not be, whether it is ended or not.")
@click.pass_context
@told
def end(context: click.Context, *, number: int, yes: bool, again: bool) -> None:
    """End the management room NUMBER: its lists act no more; the bot undoes what they did, and leaves.

    What a homeserver does not let the bot undo is tried for some thirty hours, and then given up: `earnest rooms
    history NUMBER` shows it as stuck.
    """
    container = container_of(context)
    if again:
        _again(container, number)
        return
    with container.read() as work:
        one = work.moderation.get(number)
    if one.ended_at is not None:
        raise NotFound("management_ended", "That management room is ended already.")
    if not yes:
        click.confirm(f"End {isolate(one.name)}, and undo all that was done from it?", abort=True)
    with container.work() as work:
        work.moderation.end(number)
    click.echo("It is ended; the bot undoes what was done, and leaves.")


def _again(container: Container, number: int) -> None:
    with container.work() as work:
        found = work.moderation.again(number)
    if not found:
        click.echo("Nothing of it was given up.")
        return
    click.echo(
        "The bot tries again. Where it is not in a room any more, invite it there, and give it the power to ban."
    )


def _tell(found: Sequence[Remembered], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps([_remembered(one) for one in found]))
    elif not found:
        click.echo("Nothing.")
    for one in found if not as_json else ():
        whom = isolate(one.target or "somebody who has left us")
        why = f" ({one.why})" if one.why else ""
        click.echo(
            f"{one.id}. {one.changed_at:%Y-%m-%d %H:%M} {one.what} {whom} in {isolate(one.room)}: {one.state}{why}"
        )
        for cause in one.causes:
            reason = f": {isolate(cause.reason)}" if cause.reason else ""
            click.echo(f"      {cause.name} says {cause.recommendation} by {isolate(cause.entity)}{reason}")
        if one.error:
            click.echo(f"      last error: {isolate(one.error)}")


def _summary(work: Work, one: Management) -> dict[str, Any]:
    return {
        "id": one.id,
        "name": one.name,
        "owner": work.people.mxid(one.owner),
        "room": one.room,
        "threshold": one.threshold,
        "confirm": one.confirm,
        "rehearse_until": one.rehearse_until and one.rehearse_until.isoformat(),
        "made_at": one.made_at.isoformat(),
        "ended_at": one.ended_at and one.ended_at.isoformat(),
        "rooms": len(work.moderation.rooms(one.id)),
        "lists": len(work.moderation.lists.subscriptions(one.id)),
        "vetoes": len(work.moderation.lists.vetoes(one.id)),
        "consequences": {state.value: count for state, count in work.moderation.consequences.counts(one.id).items()},
    }


def _beside(one: Beside | None) -> dict[str, Any] | None:
    return None if one is None else {"bot": one.bot, "acting": one.acting, "room": one.room}


def _protected(one: Protected) -> dict[str, Any]:
    lacks = [what.value for what in one.lacks]
    since = one.since.isoformat()
    return {"room": one.room, "space": one.space, "is_space": one.is_space, "lacks": lacks, "since": since}


def _subscription(one: Subscription) -> dict[str, Any]:
    follows = {"people": one.people, "servers": one.servers}
    told_ = {
        who: {said.value: sorted(what.value for what in found) for said, found in each.items() if found}
        for who, each in follows.items()
    }
    until = one.until and one.until.isoformat()
    trust = {} if one.trusted is None else {"trust": one.trust}
    return {
        "name": one.name,
        "mode": one.mode,
        "weight": one.weight,
        "share": one.share,
        "until": until,
        **trust,
        **told_,
    }


def _veto(says: Veto) -> dict[str, Any]:
    return {"list": says.list, "about": says.user or says.server or says.entity}


def _confirm(one: Management) -> str:
    return "wait for a yes" if one.confirm else "wait for nobody"


def _remembered(one: Remembered) -> dict[str, Any]:
    return {
        "id": one.id,
        "what": one.what,
        "who": one.target,
        "room": one.room,
        "state": one.state,
        "why": one.why,
        "causes": [_cause(cause) for cause in one.causes],
        "approved": one.approved,
        "decided_by": one.decided_by,
        "overruled": one.overruled,
        "planned_at": one.planned_at.isoformat(),
        "changed_at": one.changed_at.isoformat(),
        "error": one.error,
    }


def _turned(one: Turned) -> dict[str, Any]:
    return {
        "who": one.target,
        "room": one.room,
        "times": one.times,
        "causes": [_cause(cause) for cause in one.causes],
        "first_at": one.first_at.isoformat(),
        "last_at": one.last_at.isoformat(),
    }


def _cause(cause: Cause) -> dict[str, Any]:
    return {
        "list": cause.name,
        "subject": cause.subject,
        "entity": cause.entity,
        "recommendation": cause.recommendation,
        "reason": cause.reason,
    }
