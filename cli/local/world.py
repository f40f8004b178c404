"""The local world: all of Earnest on one machine, made once, taken up again in seconds, stopped without a trace."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from http import HTTPStatus
from pathlib import Path
from typing import Final, Self

from app.container import KEY_ROLES, Container
from app.settings import Settings
from cli.local import anvil, ports, synapse, treasury, valkey
from cli.local.certificates import Certificate, certificates
from cli.local.plan import BOT, STRANGERS, Plan, write_private
from cli.local.processes import Program, Supervisor
from cli.local.synapse import Federation, GateCall, Synapse
from cli.migrations import upgrade
from contracts.chain import Deployment
from contracts.deployment import read_deployment
from contracts.signers import KeySigner, key_address
from contracts.web3_chain import Web3Chain
from kit.clock import system_clock, unix
from kit.errors import Conflict, Invalid, NotFound
from kit.identifiers import parse_server_name, show_address
from ledger.book import Book
from reputation.tenants import Tenants

SERVICES: Final = ("api", "chain", "worker")
"""Our own processes that do without accounts, in the order in which they start: each is ``earnest <name>``."""
BOT_SERVICE: Final = "bot"
ELSEWHERE: Final = "elsewhere"
"""The second homeserver, as a program."""


class World:
    """One world, being made or running. ``start`` it; ``check`` it now and then; leaving the block stops it."""

    def __init__(
        self,
        plan: Plan,
        *,
        say: Callable[[str], None],
        heed: Callable[[], None] = lambda: None,
        kept_open: Sequence[int] = (),
    ) -> None:
        """Run the world of ``plan``; ``say`` is told of each step and of every fault.

        ``heed`` is called wherever stopping is safe and may raise ``KeyboardInterrupt``.
        """
        self.plan = plan
        self._tell = say
        self._heed = heed
        self._supervisor = Supervisor(say=say, heed=heed, kept_open=kept_open)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._supervisor.close()
        if "container" in self.__dict__:
            self.container.close()
        if "chain" in self.__dict__:
            self.chain.close()

    # ------------------------------------------------------------------------------------------------- its parts

    @property
    def folder(self) -> Path:
        """Return the data folder."""
        return self.plan.folder

    @property
    def supervisor(self) -> Supervisor:
        """Return what runs the programs."""
        return self._supervisor

    @cached_property
    def homeserver(self) -> Synapse:
        """The homeserver's settings, without the bearer."""
        plan = self.plan
        return Synapse(
            folder=self.folder / "homeserver",
            server_name=plan.server_name,
            port=plan.ports.homeserver,
            registration_secret=plan.registration_secret,
            federation=self._federation("homeserver"),
            open_registration=True,
        )

    @cached_property
    def elsewhere(self) -> Synapse | None:
        """The second homeserver's settings; it has no gate, and no idea of ours. ``None`` where there is none."""
        far = self.plan.elsewhere
        if far is None:
            return None
        return Synapse(
            folder=self.folder / ELSEWHERE,
            server_name=far.server_name,
            port=far.client,
            registration_secret=far.registration_secret,
            federation=self._federation(ELSEWHERE),
            open_registration=True,
        )

    def server_of(self, name: str) -> Synapse:
        """Return the homeserver on which one of the people has an account."""
        return self.homeserver if self.elsewhere is None or name not in STRANGERS else self.elsewhere

    def _federation(self, name: str) -> Federation | None:
        far = self.plan.elsewhere
        if far is None:
            return None
        files: Mapping[str, Certificate] = certificates(self.folder / "certificates", ("homeserver", ELSEWHERE))
        port = far.its_federation if name == ELSEWHERE else far.our_federation
        return Federation(port, files[name], peers=(self.plan.server_name, far.server_name))

    @cached_property
    def chain(self) -> Web3Chain:
        """The chain's node, from our side."""
        return Web3Chain(self.plan.rpc_url, anvil.CHAIN_ID)

    @cached_property
    def wallets(self) -> Mapping[str, KeySigner]:
        """Everybody's wallets."""
        return treasury.open_wallets(self.plan)

    @cached_property
    def container(self) -> Container:
        """The service's own view of its settings; for looking at the books."""
        # Given outright, so that nothing in the environment of whoever runs the world can lead elsewhere.
        given = {name.removeprefix("EARNEST_").lower(): value for name, value in self.settings().items()}
        return Container(Settings.model_validate(given))

    @property
    def deployment(self) -> Deployment:
        """Where the contracts stand. Raises ``NotFound`` before they do."""
        return read_deployment(self.folder / "deployment.json")

    # -------------------------------------------------------------------------------------------------- making

    def start(self) -> None:
        """Bring everything up, making what is not there yet; what an earlier start made is kept.

        Raises ``Conflict`` for ports that are taken and for a chain that lost blocks, ``ProgramFailedError`` for a
        program that does not come up.
        """
        self._check_ports()
        self._say("Database and keys")
        bearer = self._prepare()
        self._say("Homeserver, chain and broker")
        gate = GateCall(f"{self.plan.public_url}/api/1/spam_check", bearer)
        self._start_surroundings(gate)
        self._supervisor.wait_ready("anvil")
        self._keep_chain_time()
        self._put_money_in_place()
        self._say("Earnest: api, chain loop, worker, bot")
        for service in SERVICES:  # while the homeserver is still coming up
            self._supervisor.start(self.service(service))
        self._supervisor.wait_ready("valkey", "homeserver", *([] if self.elsewhere is None else [ELSEWHERE]))
        self._make_accounts()
        self._supervisor.start(self.service(BOT_SERVICE))
        self._supervisor.wait_ready()

    def check(self) -> None:
        """Look after the programs; raises ``ProgramFailedError`` for one that keeps falling."""
        self._supervisor.check()

    def service(self, name: str) -> Program:
        """Return one of our own processes as a program."""
        ready = {"api": self._api_answers, "chain": self._chain_is_read}.get(name)
        command = (str(earnest_program()), name)
        log = self.folder / "logs" / f"{name}.log"
        return Program(name, command, self.folder, log, {"EARNEST_DATA": str(self.folder)}, ready=ready)

    def settings(self) -> dict[str, str]:
        """Return what ``earnest.env`` holds: how every process, and every later ``earnest …``, finds this world."""
        plan = self.plan
        return {
            "EARNEST_DATA": str(self.folder),
            "EARNEST_DATABASE_URL": f"sqlite:///{self.folder / 'earnest.db'}",
            "EARNEST_PUBLIC_URL": plan.public_url,
            "EARNEST_API_HOST": ports.LOOPBACK,
            "EARNEST_API_PORT": str(plan.ports.api),
            "EARNEST_RPC_URL": plan.rpc_url,
            "EARNEST_RPC_WS_URL": plan.rpc_ws_url,
            "EARNEST_WALLET_RPC_URL": plan.rpc_url,
            "EARNEST_CHAIN_ID": str(anvil.CHAIN_ID),
            "EARNEST_CHAIN_NAME": "Earnest, on this machine",
            "EARNEST_DEPLOYMENT": str(self.folder / "deployment.json"),
            "EARNEST_CAUSE": show_address(self.wallets[treasury.CAUSE].address),
            "EARNEST_CAUSE_TITLE": "Earnest, on this machine",
            "EARNEST_FACILITATOR_BUDGET": "1",
            "EARNEST_GUARDIAN": show_address(self.wallets[treasury.GUARDIAN].address),
            "EARNEST_KEYSTORE_PASSWORD_FILE": str(self.folder / "keystore.password"),
            "EARNEST_HOMESERVER_URL": plan.homeserver_url,
            "EARNEST_BOT_USER_ID": plan.user_id(BOT),
            "EARNEST_BOT_PASSWORD_FILE": str(self.folder / "bot.password"),
            "EARNEST_PRIVATE_NETWORKS": "127.0.0.0/8, ::1/128",
            "EARNEST_BROKER_URL": valkey.url(plan.ports.broker),
            "EARNEST_BOT_HEALTH_PORT": str(plan.ports.bot_health),
            "EARNEST_CHAIN_HEALTH_PORT": str(plan.ports.chain_health),
            "EARNEST_WORKER_HEALTH_PORT": str(plan.ports.worker_health),
            **self._federation_settings(),
        }

    def _federation_settings(self) -> dict[str, str]:
        """Let people of both homeservers sign in by their word: they have certificates of ours."""
        federation = self._federation("homeserver")
        if federation is None:
            return {}
        return {"EARNEST_EXTRA_AUTHORITY": str(federation.files.authority)}

    def _say(self, step: str) -> None:
        self._heed()
        self._tell(step)

    def _check_ports(self) -> None:
        wanted = {
            "api": self.plan.ports.api,
            "homeserver": self.plan.ports.homeserver,
            "chain": self.plan.ports.chain,
            "broker": self.plan.ports.broker,
            "bot's health": self.plan.ports.bot_health,
            "chain loop's health": self.plan.ports.chain_health,
            "worker's health": self.plan.ports.worker_health,
        }
        far = self.plan.elsewhere
        fixed = {} if far is None else far.ports()
        taken = {name: port for name, port in {**wanted, **fixed}.items() if port and not ports.is_free(port)}
        if taken:
            lines = [f"port {port} (for the {name}) by {ports.holder_of(port) or '?'}" for name, port in taken.items()]
            movable = not taken.keys() & fixed.keys()
            raise Conflict(
                "port_taken",
                f"Taken: {'; '.join(lines)}. End that"
                + (
                    ", or move this world with `earnest run --new-ports`."
                    if movable
                    else ": these stay where they are."
                ),
            )

    def _prepare(self) -> str:
        """Make all that needs no running program; return the tenant's bearer."""
        password_file = self.folder / "keystore.password"
        if not password_file.exists():
            write_private(password_file, f"{secrets.token_urlsafe(32)}\n")
        treasury.make_keys(self.folder / "keystore", KEY_ROLES, password_file.read_text(encoding="utf-8").strip())
        write_private(self.folder / "bot.password", f"{self.plan.bot_password}\n")
        lines = [f"{name}='{value}'\n" for name, value in self.settings().items()]
        write_private(self.folder / "earnest.env", "".join(lines))
        upgrade(self.container.settings.database())
        return self._bearer()

    def _bearer(self) -> str:
        """Return the homeserver's bearer; where a killed start lost it before it was written down, it gets another."""
        file = self.homeserver.folder / "bearer"
        kept = file.read_text(encoding="utf-8").strip() if file.exists() else ""
        server = parse_server_name(self.plan.server_name)
        with self.container.database.write() as session:
            tenants = Tenants(session, system_clock())
            tenant = tenants.find(server)
            if tenant is None:
                return tenants.add(server)
            return kept if kept and tenants.by_bearer(kept) == tenant else tenants.renew_bearer(server)

    def _start_surroundings(self, gate: GateCall) -> None:
        logs, plan = self.folder / "logs", self.plan
        pace = plan.pace
        node = anvil.anvil(
            plan.ports.chain,
            folder=self.folder / "anvil",
            log=logs / "anvil.log",
            block_time=pace.block_time,
            epoch=pace.epoch,
            save_every=pace.save_every,
        )
        self._supervisor.start(replace(node, came_back=self._keep_chain_time))
        self._supervisor.start(valkey.valkey(plan.ports.broker, folder=self.folder / "logs", log=logs / "valkey.log"))
        self._supervisor.start(synapse.synapse(self.homeserver.asking(gate), log=logs / "homeserver.log"))
        if self.elsewhere is not None:
            self._supervisor.start(self.elsewhere_program(self.elsewhere))

    def elsewhere_program(self, server: Synapse) -> Program:
        """Return the second homeserver as a program."""
        return replace(synapse.synapse(server, log=self.folder / "logs" / f"{ELSEWHERE}.log"), name=ELSEWHERE)

    def _keep_chain_time(self) -> None:
        anvil.keep_time(self.plan.rpc_url, unix(system_clock()))

    def _put_money_in_place(self) -> None:
        self._say("Contracts and wallets")
        plan, chain = self.plan, self.chain
        keys = [key_address(self.folder / "keystore", role) for role in KEY_ROLES]
        rich = [wallet.address for name, wallet in self.wallets.items() if name not in STRANGERS]
        with anvil.mining_at_once(plan.rpc_url, plan.pace.block_time):
            treasury.ensure_ether(chain, plan.rpc_url, [*keys, *rich])
            deployment = self._contracts()
            treasury.ensure_tokens(chain, deployment, self.wallets, plan.people)

    def _contracts(self) -> Deployment:
        """Put the contracts on the chain, or see that the chain still is the one that our books tell of."""
        file = self.folder / "deployment.json"
        final = None
        if file.is_file():
            known = read_deployment(file)
            with self.container.database.read() as session:
                book = Book(session, chain_id=known.chain_id, token=known.token, escrow=known.escrow)
                window = book.window()
                final = window[0] if book.finalized_number() is not None else None
        if final is not None:
            found = self.chain.block(final.number)
            if found is None or found.hash != final.hash:
                raise Conflict(
                    "chain_lost",
                    f"The local chain is not the one that was booked: it lost or replaced block {final.number}, which "
                    "was final (its state in the folder anvil was deleted or is older). The books cannot follow: "
                    "`make reset` clears this world, and the next run makes a fresh one.",
                )
        try:
            return treasury.ensure_contracts(self.chain, file, self.wallets, may_deploy=final is None)
        except Invalid as error:
            raise Conflict(
                "contracts_lost", f"{error.message} `make reset` clears this world, and the next run makes a fresh one."
            ) from error

    def _make_accounts(self) -> None:
        done = self.homeserver.folder / "accounts"
        if done.exists():
            return
        self._say("Accounts")
        for name, password in {BOT: self.plan.bot_password, **self.plan.passwords}.items():
            server = self.server_of(name)
            login = synapse.log_in(server, name, password)
            login = login or synapse.register(server, name, password)
            synapse.log_out(server, login)
        write_private(done, "".join(f"{self.plan.user_id(name)}\n" for name in (BOT, *self.plan.people)))

    # ----------------------------------------------------------------------------------------------- looking at it

    def _api_answers(self) -> bool:
        return ports.status_of(self.plan.ports.api, "/health/live") == HTTPStatus.OK

    def _chain_is_read(self) -> bool:
        with self.container.read() as work:
            return work.book.head() is not None


def earnest_program() -> Path:
    """Return the ``earnest`` that belongs to the Python we run on."""
    program = Path(sys.executable).with_name("earnest")
    if not program.is_file():
        raise NotFound("earnest_missing", f"There is no {program}: `make setup` installs Earnest.")
    return program
