"""How following the chain goes: what the loop waits for, what each node is to us; for health, metrics and the log."""

from __future__ import annotations

import structlog
from prometheus_client import Counter, Gauge

from app.health import Check
from contracts.nodes import Nodes
from contracts.roster import NodeReport, NodeState
from kit.errors import ChainMismatch, ChainUnavailable, Unavailable

LOG = structlog.get_logger(__name__)

WAITS = Counter("earnest_chain_loop_waits", "Rounds of the chain loop that did not end well, by why", ["because"])
MISMATCH = Gauge(
    "earnest_chain_mismatch", "Whether the node's chain is not the one in the books: nothing is read or sent then"
)
NODE = Gauge("earnest_chain_node", "What each node of the chain is to us: 1 at its state", ["node", "state"])
NODE_HEAD = Gauge("earnest_chain_node_head_block", "Newest block of each node, as last looked at", ["node"])

_MEND = "Look at the node (EARNEST_RPC_URL); `earnest ledger rebuild --compare` holds the books against its chain."
_SAYS = {
    NodeState.ASKED: "It is the one that is asked",
    NodeState.READY: "It stands by",
    NodeState.LAGS: "It lags behind the others",
    NodeState.SILENT: "It does not answer; it is asked again by and by",
    NodeState.NOT_BELIEVED: "It is not believed, and an operator has to look at it",
}


class Following:
    """What is known of how it goes. The loop tells it; other threads may ask."""

    def __init__(self, nodes: Nodes) -> None:
        """Follow by these nodes."""
        self._nodes = nodes
        self._trouble: Unavailable | None = None
        self._shown: list[NodeReport] = []

    def waits(self, error: Unavailable, seconds: float) -> None:
        """Note that a round did not end well, and that the next one comes in so many seconds."""
        WAITS.labels(type(error).__name__).inc()
        if not isinstance(error, ChainMismatch):
            LOG.warning("chain_loop_waits", waits_for=type(error).__name__, reason=str(error), seconds=seconds)
        elif str(error) != str(self._trouble):
            LOG.error("chain_mismatch", reason=str(error), stands_still="reading, sending", mend=_MEND)
        self._trouble = error
        self._show()

    def goes_on(self) -> None:
        """Note that a round ended well."""
        if isinstance(self._trouble, ChainMismatch):
            LOG.warning("chain_matches_again")
        self._trouble = None
        self._show()

    def look(self) -> Check:
        """Say what the loop waits for."""
        trouble = self._trouble
        if isinstance(trouble, ChainMismatch):
            return Check(
                ok=False, says=f"{trouble} Nothing is read and nothing is sent until it is right again. {_MEND}"
            )
        if isinstance(trouble, ChainUnavailable):
            return Check(ok=False, says=f"{trouble} It is asked again every few seconds.")
        if trouble is not None:  # whatever else it says may hold an address with a key in it
            return Check(ok=False, says="The database does not answer; it is asked again every few seconds.")
        return Check(ok=True, says="The chain is the one in the books.")

    def looks(self) -> dict[str, Check]:
        """Say what each node is to us, by its host and port."""
        return {f"node {report.place}": _shown(report) for report in self._nodes.report()}

    def _show(self) -> None:
        MISMATCH.set(isinstance(self._trouble, ChainMismatch))
        reports = self._nodes.report()
        if reports == self._shown:
            return
        self._shown = reports
        for report in reports:
            for state in NodeState:
                NODE.labels(report.place, state.value).set(report.state is state)
            if report.head is not None:
                NODE_HEAD.labels(report.place).set(report.head)


def _shown(report: NodeReport) -> Check:
    head = "" if report.head is None else f" (block {report.head} when last looked at)"
    says = f"{_SAYS[report.state]}{head}."
    if report.why and report.state is not NodeState.LAGS:
        says += f" {report.why}"
    return Check(ok=report.state in (NodeState.ASKED, NodeState.READY), says=says)
