"""Settings: the only reader of the environment; every other place gets values."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from kit.errors import Invalid
from kit.identifiers import parse_address, parse_user_id

DATA_FOLDER = Path(".data")
"""Where everything lives that is kept between runs, unless ``EARNEST_DATA`` says otherwise."""

ANYBODY = "anybody"
_MOST_TOKENS = 16
"""Who is served where a setting names nobody in particular, but all."""


class Settings(BaseSettings):
    """What an operator may set, each as ``EARNEST_<NAME>`` in the environment or in the settings file."""

    model_config = SettingsConfigDict(env_prefix="EARNEST_", extra="ignore")

    data: Path = Field(DATA_FOLDER, description="Folder for database, keystore and bot keys.")
    database_url: str | None = Field(
        None, description="sqlite:///… or postgresql+psycopg://…; a SQLite file in the data folder by default."
    )
    public_url: str = Field("http://127.0.0.1:8600", description="How people reach the pages, without a final slash.")
    api_host: str = Field("127.0.0.1", description="Address on which the API listens.")
    api_port: int = Field(8600, ge=0, le=65535, description="Port on which the API listens.")

    rewards_from: date | None = Field(
        None, description="Day (UTC) on which the first epoch of rewards begins; without it no epoch is closed."
    )
    rewards_pool: str = Field("0", description="ERN that all epochs of rewards together never exceed.")
    rewards_distributor: str | None = Field(
        None, description="Address of the contract that pays rewards, where the deployment names none."
    )
    rewards_least_claim: str = Field(
        "1", description="ERN below which no claim of a reward is carried by the relayer, since gas costs too."
    )
    rewards_proposes: bool = Field(
        default=False,
        description="Whether the service proposes each epoch's root by itself, with the proposer's key in its keyring.",
    )
    rewards_forward_to: str = Field(
        "https://matrix.org/report-usage-stats/push",
        description="Where reports of servers go on to whose operators asked for it; nowhere if empty.",
    )
    vantage: str = Field(
        "here",
        pattern=r"^[a-z0-9-]{1,40}$",
        description="What this place is called, from which servers that earn are looked at; each place its own name.",
    )
    token: SecretStr | None = Field(
        None,
        description="A person's own token, for the commands that act for them (`earnest contacts`, `earnest door`).",
    )

    rpc_url: str = Field(
        "http://127.0.0.1:8545",
        description="JSON-RPC endpoint of the chain; several, with commas between them, the preferred one first.",
    )
    rpc_ws_url: str | None = Field(
        None,
        description="WebSocket endpoint (ws:// or wss://) that tells of new blocks, so that they are read at once.",
    )
    chain_id: int = Field(31337, ge=1, description="The chain's id; a node of another chain is refused.")
    chain_name: str | None = Field(None, description="The chain's name, as pages and wallets show it.")
    wallet_rpc_url: str | None = Field(
        None, description="JSON-RPC endpoint that a visitor's wallet may be told to add; public, so without any key."
    )
    deployment: Path | None = Field(None, description="File with the contracts' addresses; by default by chain id.")
    cause: str | None = Field(
        None, description="Address that gifts go to: it is published, and what is given to it counts; none by default."
    )
    cause_title: str = Field("this service", max_length=60, description="What gifts are for, as givers are told.")
    guardian: str | None = Field(None, description="Cold address that may turn an announced forfeit into a return.")
    keystore_password: SecretStr | None = Field(None, description="Opens the keystore in the data folder.")
    keystore_password_file: Path | None = Field(None, description="File that holds the keystore's password.")
    resolver_signer: SecretStr | None = Field(
        None, description="JSON-RPC signer (http(s)://…) of resolver's keys that are not in the keystore."
    )
    relayer_signer: SecretStr | None = Field(
        None, description="JSON-RPC signer (http(s)://…) of relayer's keys that are not in the keystore."
    )
    proposer_signer: SecretStr | None = Field(
        None, description="JSON-RPC signer (http(s)://…) of a proposer's key that is not in the keystore."
    )

    resolver_per_day: int = Field(
        5000, ge=0, description="Transactions that the resolver's key may send in 24 hours; what is more waits."
    )
    resolver_budget: str = Field(
        "0.5", description="Ether that the gas of the resolver's transactions may cost in 24 hours; what is more waits."
    )
    relayer_per_day: int = Field(
        2000, ge=0, description="Transactions that the relayer's key may send in 24 hours; what is more waits."
    )
    relay_fee: str = Field("0.1", description="ERN that whoever has no ether pays for having something carried.")
    relay_budget: str = Field(
        "0.05",
        description="Ether that carried openings may cost in 24 hours, all together; 0 carries none. More openings are "
        "not taken on, and the relayer's key sends no more.",
    )
    gasless_per_day: int = Field(
        3, ge=0, le=1000, description="Openings carried in 24 hours for one stranger, and from one wallet."
    )

    sales_fee_bps: int = Field(
        0, ge=0, le=1_000, description="Basis points of each price that the operator takes of what is sold here."
    )
    sales_fee_receiver: str | None = Field(None, description="Address that gets those; without it nothing is taken.")
    sales_tokens: str = Field(
        "",
        description="Addresses, with commas between them, of other ERC-20 tokens on this chain that people may sell "
        "for beside ERN, at most 16. Those that take a cut of transfers, or change balances by themselves, do not pay.",
    )
    facilitator_for: str = Field(
        "",
        description="Addresses, with commas between them, of sellers for whom payments of programs (x402) are settled "
        "over HTTP, or `anybody`; none by default.",
    )
    facilitator_budget: str = Field(
        "0", description="Ether that settled payments may cost in 24 hours, all together; 0 settles none."
    )
    facilitator_per_day: int = Field(500, ge=0, le=100_000, description="Payments settled in 24 hours from one wallet.")
    facilitator_url: str = Field(
        "",
        description="Another facilitator of x402 (https://…) that settles what programs pay for what is sold here; our "
        "own by default. Nothing it says is believed: what was paid, the chain says.",
    )
    facilitator_wait_seconds: float = Field(
        20, ge=0, le=60, description="How long a settlement may wait for its block before it is answered as pending."
    )

    homeserver_url: str = Field("http://127.0.0.1:8008", description="Client API of the bot's homeserver.")
    bot_user_id: str | None = Field(None, description="The bot's Matrix id.")
    bot_password: SecretStr | None = Field(None, description="The bot's password (or a password file).")
    bot_password_file: Path | None = Field(None, description="File that holds the bot's password.")

    homeserver_admin_token: SecretStr | None = Field(
        None,
        description="Token of an administrator of the bot's homeserver, with which supporters' flair is written into "
        "the profiles of those who want that; without one the bot hands them the value.",
    )
    homeserver_admin_token_file: Path | None = Field(None, description="File that holds that token.")
    supporters_stewards: str = Field(
        "",
        description="Matrix ids, with commas between them, of those who look after the supporters' space and rooms: "
        "they are asked in, and nobody is put out who has their level.",
    )
    patreon_webhook_secret: SecretStr | None = Field(
        None, description="Secret of Patreon's webhook (or a file); without one, nothing that Patreon sends is taken."
    )
    patreon_webhook_secret_file: Path | None = Field(None, description="File that holds that secret.")

    patreon_currency: str = Field(
        "USD",
        pattern="^[A-Z]{3}$",
        description="The currency of the Patreon campaign, where its webhook does not say it.",
    )

    watched_rooms: int = Field(
        500, ge=0, le=10_000, description="Rooms that the bot reads for people's own filters, all together; 0 for none."
    )

    events_kept_days: int = Field(30, ge=1, le=3650, description="Days for which events can be read, and sent again.")
    sealing_key: SecretStr | None = Field(
        None,
        description="Seals secrets in the database (or a file); by default sealing.key in the data folder. Older keys, "
        "which still open what they sealed, follow after a blank.",
    )
    sealing_key_file: Path | None = Field(None, description="File that holds the sealing key.")
    private_networks: str = Field(
        "",
        description="Networks (10.1.0.0/16, …) that are not public, where homeservers and webhooks that strangers name "
        "are asked all the same; of this machine (127.0.0.0/8), without TLS too: that is for a local world alone.",
    )
    extra_authority: Path | None = Field(
        None, description="File of certificate authorities (PEM) to believe beside the public ones, of such servers."
    )

    broker_url: str | None = Field(None, description="redis://… for Celery; an embedded Valkey by default.")

    door_opens_at: Literal["seen", "safe", "finalized"] = Field(
        "seen", description="How sure the chain must be of a stake that opens a door."
    )
    large_stake: str = Field(
        "100", description="Above this (ERN, stake and fee together) the chain must be surer: see the next setting."
    )
    large_opens_at: Literal["seen", "safe", "finalized"] = Field(
        "safe", description="How sure the chain must be of a large stake that opens a door."
    )
    gate_deadline_ms: int = Field(700, ge=50, le=950, description="How long a knock may wait for its verdict.")
    health_host: str = Field("127.0.0.1", description="Address on which bot, chain loop and worker say how they are.")
    bot_health_port: int = Field(8601, ge=0, le=65535, description="Port of the bot's /health; 0 for none.")
    chain_health_port: int = Field(8602, ge=0, le=65535, description="Port of the chain loop's /health; 0 for none.")
    worker_health_port: int = Field(8603, ge=0, le=65535, description="Port of the worker's /health; 0 for none.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="How much is logged.")

    @field_validator("supporters_stewards")
    @classmethod
    def _stewards_are_people(cls, text: str) -> str:
        for steward in parts_of(text):
            try:
                parse_user_id(steward)
            except Invalid as error:
                raise ValueError(f"{steward}: {error.message}") from None
        return text

    @field_validator("facilitator_for")
    @classmethod
    def _sellers_are_addresses(cls, text: str) -> str:
        for seller in parts_of(text):
            try:
                if text.strip() != ANYBODY:
                    parse_address(seller)
            except Invalid as error:
                raise ValueError(f"{seller}: {error.message}") from None
        return text

    @field_validator("sales_tokens")
    @classmethod
    def _tokens_are_addresses(cls, text: str) -> str:
        tokens = parts_of(text)
        if len(tokens) > _MOST_TOKENS:
            raise ValueError(f"at most {_MOST_TOKENS} tokens")
        for token in tokens:
            try:
                parse_address(token)
            except Invalid as error:
                raise ValueError(f"{token}: {error.message}") from None
        return text

    def database(self) -> str:
        """Return the database's URL."""
        return self.database_url or f"sqlite:///{(self.data / 'earnest.db').resolve()}"

    def rpc_urls(self) -> list[str]:
        """Return the JSON-RPC endpoints, the preferred one first."""
        return parts_of(self.rpc_url)

    def deployment_file(self) -> Path | None:
        """Return the file with the contracts' addresses that the operator named, if any."""
        return self.deployment

    def keystore(self) -> Path:
        """Return the folder of encrypted keys."""
        return self.data / "keystore"

    def contents(self) -> Path:
        """Return the folder of contents that people sell, sealed."""
        return self.data / "contents"

    def password_of_keystore(self) -> str | None:
        """Return the keystore's password, from the setting or its file."""
        return _secret(self.keystore_password, self.keystore_password_file)

    def key_for_sealing(self) -> str | None:
        """Return the sealing key, from the setting or its file; ``None`` where it is the one in the data folder."""
        return _secret(self.sealing_key, self.sealing_key_file)

    def sealing_key_kept(self) -> Path:
        """Return the file in the data folder that holds the sealing key, where no setting does."""
        return self.data / "sealing.key"

    def secret_of_patreon(self) -> str | None:
        """Return the secret with which Patreon signs what it sends, from the setting or its file."""
        return _secret(self.patreon_webhook_secret, self.patreon_webhook_secret_file)

    def password_of_bot(self) -> str | None:
        """Return the bot's Matrix password, from the setting or its file."""
        return _secret(self.bot_password, self.bot_password_file)

    def admin_token(self) -> str | None:
        """Return the homeserver administrator's token, from the setting or its file."""
        return _secret(self.homeserver_admin_token, self.homeserver_admin_token_file)

    def has_admin_token(self) -> bool:
        """Tell whether there is an administrator's token, without reading it."""
        return self.homeserver_admin_token is not None or self.homeserver_admin_token_file is not None

    def sellers(self) -> list[str]:
        """Return for whom payments are settled over HTTP, as it was written."""
        return parts_of(self.facilitator_for)

    def stewards(self) -> list[str]:
        """Return who looks after the supporters' rooms, as it was written."""
        return parts_of(self.supporters_stewards)


def parts_of(text: str) -> list[str]:
    """Return what stands between the commas of a setting."""
    return [some for part in text.split(",") if (some := part.strip())]


def _secret(value: SecretStr | None, file: Path | None) -> str | None:
    if value is not None:
        return value.get_secret_value()
    return file.read_text(encoding="utf-8").strip() if file is not None else None


def load(settings_file: Path | None = None) -> Settings:
    """Read the settings: the environment first, then ``settings_file``, else ``earnest.env`` in the data folder."""
    file = settings_file or Settings().data / "earnest.env"
    return Settings(_env_file=file if file.is_file() else None)
