"""The health door, asked over HTTP."""

from __future__ import annotations

import socket

import httpx

from app.health import Check, Vitals
from cli.health_door import health_door
from cli.local.ports import free_port

HOST = "127.0.0.1"


def vitals(*, ok: bool) -> Vitals:
    return Vitals({"chain": lambda: Check(ok=ok, says="It is said.")})


def test_it_says_how_the_process_is() -> None:
    with health_door(vitals(ok=True), HOST, free_port()) as port:
        url = f"http://{HOST}:{port}"
        assert httpx.get(f"{url}/health/live").json() == {"status": "alive"}
        for path in ("/health", "/health/ready"):
            found = httpx.get(f"{url}{path}")
            assert found.status_code == 200
            assert found.json() == {"status": "ready", "checks": {"chain": {"ok": True, "says": "It is said."}}}
        assert "python_info" in httpx.get(f"{url}/metrics").text
        assert httpx.get(f"{url}/anything").status_code == 404


def test_one_that_stands_by_is_ready_and_says_so() -> None:
    standing = Vitals({"loop": lambda: Check(ok=True, says="It stands by.")}, role=lambda: "standby")
    with health_door(standing, HOST, free_port()) as port:
        found = httpx.get(f"http://{HOST}:{port}/health")
    assert (found.status_code, found.json()["status"], found.json()["role"]) == (200, "ready", "standby")


def test_what_is_missing_is_a_503() -> None:
    with health_door(vitals(ok=False), HOST, free_port()) as port:
        assert httpx.get(f"http://{HOST}:{port}/health").status_code == 503


def test_what_is_degraded_still_serves() -> None:
    look = Vitals({}, beside=lambda: {"node": Check(ok=False, says="It lags.")})
    with health_door(look, HOST, free_port()) as port:
        found = httpx.get(f"http://{HOST}:{port}/health")
        assert found.status_code == 200
        assert found.json()["status"] == "degraded"


def test_silent_visitors_hold_nobody_up() -> None:
    with health_door(vitals(ok=True), HOST, free_port()) as port:
        assert port is not None
        silent = [socket.create_connection((HOST, port)) for _ in range(20)]
        assert httpx.get(f"http://{HOST}:{port}/health/live").is_success
        for one in silent:
            one.close()


def test_a_taken_port_or_none_is_no_reason_not_to_work() -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        with health_door(vitals(ok=True), HOST, taken.getsockname()[1]) as port:
            assert port is None
    with health_door(vitals(ok=True), HOST, 0) as port:
        assert port is None
