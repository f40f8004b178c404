"""Secrets that stand for people, on both databases: kept as hashes, good for a time, ended for good."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from app.sessions import (
    EVERYTHING,
    KEPT_AFTER_END,
    LINK_LIFETIME,
    MOST_TOKENS,
    SESSION_LIFETIME,
    TOKEN_LIFETIME,
    UNCONFIRMED_LIFETIME,
    Credential,
    Scope,
    SecretRow,
    Sessions,
    require,
)
from kit.database import Database
from kit.errors import Conflict, Forbidden, Invalid, NotFound
from kit.identifiers import PersonId, UserId
from ledger.people import People

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
INSTANT = timedelta(microseconds=1)


def a_person(database: Database, name: str = "alice") -> PersonId:
    with database.write() as session:
        return People(session, NOW).number(UserId(f"@{name}:example.org"))


def test_no_secret_is_kept(database: Database) -> None:
    person = a_person(database)
    with database.write() as session:
        sessions = Sessions(session, NOW)
        secrets = [sessions.issue_link(person), sessions.start(person), sessions.issue_token(person)]
    assert len(set(secrets)) == 3
    with database.read() as session:
        rows = [repr(vars(row)) for row in session.scalars(select(SecretRow))]
    assert len(rows) == 3
    assert [secret for secret in secrets for row in rows if secret in row] == []


def test_a_secret_of_one_kind_is_none_of_another(database: Database) -> None:
    person = a_person(database)
    with database.write() as session:
        sessions = Sessions(session, NOW)
        link, browser, token = sessions.issue_link(person), sessions.start(person), sessions.issue_token(person)
        assert sessions.of_session(token) is sessions.of_session(link) is None
        assert sessions.of_token(browser) is sessions.of_token(link) is None
        for other in (browser, token):
            with pytest.raises(NotFound):
                sessions.look(other)


def test_everything_has_an_end(database: Database) -> None:
    person = a_person(database)
    with database.write() as session:
        sessions = Sessions(session, NOW)
        link, browser, token = sessions.issue_link(person), sessions.start(person), sessions.issue_token(person)
        assert Sessions(session, NOW + LINK_LIFETIME - INSTANT).look(link) == person
        assert Sessions(session, NOW + SESSION_LIFETIME - INSTANT).of_session(browser) == Credential(person, EVERYTHING)
        assert Sessions(session, NOW + TOKEN_LIFETIME - INSTANT).of_token(token) == Credential(person, EVERYTHING)
        with pytest.raises(Conflict, match="no longer good"):
            Sessions(session, NOW + LINK_LIFETIME).look(link)
        assert Sessions(session, NOW + SESSION_LIFETIME).of_session(browser) is None
        assert Sessions(session, NOW + TOKEN_LIFETIME).of_token(token) is None
        assert Sessions(session, NOW + TOKEN_LIFETIME).tokens(person) == []


def test_a_link_is_redeemed_once(database: Database) -> None:
    person = a_person(database)
    with database.write() as session:
        link = Sessions(session, NOW).issue_link(person)
    with database.write() as session:
        assert Sessions(session, NOW).redeem(link) == person
    with database.write() as session, pytest.raises(Conflict, match="has been used"):
        Sessions(session, NOW).redeem(link)


def test_a_redeeming_that_fails_later_uses_nothing_up(database: Database) -> None:
    person = a_person(database)
    with database.write() as session:
        link = Sessions(session, NOW).issue_link(person)
    with pytest.raises(Invalid, match="What followed"), database.write() as session:
        redeem_and_fail(Sessions(session, NOW), link)
    with database.read() as session:
        assert Sessions(session, NOW).look(link) == person


def redeem_and_fail(sessions: Sessions, link: str) -> None:
    sessions.redeem(link)
    raise Invalid("later", "What followed failed.")


def test_scopes_are_what_was_given(database: Database) -> None:
    person = a_person(database)
    with database.write() as session:
        sessions = Sessions(session, NOW)
        credential = sessions.of_token(sessions.issue_token(person, [Scope.READ], label="my\n script "))
        assert credential == Credential(person, frozenset({Scope.READ}))
        assert require(credential, Scope.READ) == person
        with pytest.raises(Forbidden):
            require(credential, Scope.WRITE)
        assert [(one.label, one.scopes) for one in sessions.tokens(person)] == [("my script", frozenset({Scope.READ}))]
        for wrong in (["everything"], []):
            with pytest.raises(Invalid):
                sessions.issue_token(person, wrong)


def test_nobody_has_more_than_twenty_tokens(database: Database) -> None:
    person = a_person(database)
    with database.write() as session:
        sessions = Sessions(session, NOW)
        for _ in range(MOST_TOKENS):
            sessions.issue_token(person)
        with pytest.raises(Conflict):
            sessions.issue_token(person)
        sessions.revoke(person, sessions.tokens(person)[0].id)
        sessions.issue_token(person)


def test_what_is_revoked_is_no_longer_good(database: Database) -> None:
    alice, bob = a_person(database), a_person(database, "bob")
    with database.write() as session:
        sessions = Sessions(session, NOW)
        link, browser, token = sessions.issue_link(alice), sessions.start(alice), sessions.issue_token(alice)
        bobs = sessions.issue_token(bob)
        with pytest.raises(NotFound):
            sessions.revoke(bob, sessions.tokens(alice)[0].id)
        assert sessions.revoke_all(alice) == 3
        assert sessions.of_token(token) is sessions.of_session(browser) is None
        with pytest.raises(Conflict):
            sessions.look(link)
        assert sessions.of_token(bobs) is not None


def test_a_browser_signs_out(database: Database) -> None:
    person = a_person(database)
    with database.write() as session:
        sessions = Sessions(session, NOW)
        secret = sessions.start(person)
        sessions.end(secret)
        sessions.end(secret)
        assert sessions.of_session(secret) is None


def test_what_is_over_is_taken_away_in_time(database: Database) -> None:
    person = a_person(database)
    with database.write() as session:
        sessions = Sessions(session, NOW)
        used, _, token = sessions.issue_link(person), sessions.start(person), sessions.issue_token(person)
        sessions.redeem(used)
        assert Sessions(session, NOW + KEPT_AFTER_END).prune() == 0
        assert Sessions(session, NOW + KEPT_AFTER_END + INSTANT).prune() == 1
        later = NOW + KEPT_AFTER_END + SESSION_LIFETIME + INSTANT
        assert Sessions(session, later).prune() == 1
        assert Sessions(session, later).of_token(token) is not None


def test_forgetting_leaves_nothing(database: Database) -> None:
    alice, bob = a_person(database), a_person(database, "bob")
    with database.write() as session:
        sessions = Sessions(session, NOW)
        token, bobs = sessions.issue_token(alice), sessions.issue_token(bob)
        sessions.forget(alice)
        assert sessions.of_token(token) is None
        assert sessions.of_token(bobs) is not None
        assert len(session.scalars(select(SecretRow)).all()) == 1


@pytest.mark.parametrize("secret", ["", "ern_", "x" * 1_000_000, "\ud800", "ern_\x00"])
def test_odd_secrets_are_nobodys(database: Database, secret: str) -> None:
    with database.read() as session:
        sessions = Sessions(session, NOW)
        assert sessions.of_token(secret) is sessions.of_session(secret) is None
        with pytest.raises(NotFound):
            sessions.look(secret)


def test_who_never_confirmed_leaves_nothing(database: Database) -> None:
    came, known = a_person(database, "came"), a_person(database, "known")
    with database.write() as session:
        sessions = Sessions(session, NOW)
        sessions.start_unconfirmed(came)
        sessions.start_unconfirmed(known)
        sessions.issue_token(known)
        assert sessions.prune_unconfirmed() == []
    with database.write() as session:
        later = NOW + UNCONFIRMED_LIFETIME
        gone = Sessions(session, later).prune_unconfirmed()
        assert gone == [came, known]
        assert People(session, later).prune(gone) == 1
    with database.read() as session:
        people = People(session, NOW)
        assert people.find(UserId("@came:example.org")) is None
        assert people.find(UserId("@known:example.org")) == known
        assert [row.kind for row in session.scalars(select(SecretRow))] == ["token"]
