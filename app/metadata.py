"""The whole schema: imports every module that holds tables, so that migrations see them all."""

from __future__ import annotations

from sqlalchemy import MetaData

import app.conversations
import app.sessions
import app.supporting.tables
import app.webhooks.tables
import kit.changes
import kit.leases
import kit.outbox
import ledger.tables
import payments.carrying.tables
import payments.content.gateway_tables
import payments.content.side_tables
import payments.content.tables
import payments.flair.key_tables
import payments.flair.tables
import payments.rewards.tables
import payments.settlements.tables
import payments.stakes.tables
import payments.tips.tables
import payments.tokens.tables
import reputation.beside_tables
import reputation.complaint_tables
import reputation.desk_tables
import reputation.gate_tables
import reputation.list_tables
import reputation.publishing_tables
import reputation.room_tables
import reputation.shop_tables
import reputation.tables
from kit.database import Base

TABLE_MODULES = (
    kit.changes,
    kit.leases,
    kit.outbox,
    ledger.tables,
    payments.stakes.tables,
    payments.flair.key_tables,
    payments.carrying.tables,
    payments.content.gateway_tables,
    payments.content.tables,
    payments.content.side_tables,
    payments.flair.tables,
    payments.rewards.tables,
    payments.settlements.tables,
    payments.tips.tables,
    payments.tokens.tables,
    reputation.tables,
    reputation.list_tables,
    reputation.beside_tables,
    reputation.room_tables,
    reputation.desk_tables,
    reputation.complaint_tables,
    reputation.gate_tables,
    reputation.publishing_tables,
    reputation.shop_tables,
    app.sessions,
    app.conversations,
    app.supporting.tables,
    app.webhooks.tables,
)
"""Every module that holds tables; a new one is added here or its tables do not exist."""

METADATA: MetaData = Base.metadata
"""What Alembic compares a database with."""
