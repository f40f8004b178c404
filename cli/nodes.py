"""The chain's nodes, as an operator sees them: which is asked, and what is wrong with the others."""

from __future__ import annotations

from app.container import Container
from contracts.roster import NodeReport, NodeState
from kit.errors import Unavailable

_STATES = {
    NodeState.ASKED: "is asked",
    NodeState.READY: "stands by",
    NodeState.LAGS: "lags",
    NodeState.SILENT: "does not answer",
    NodeState.NOT_BELIEVED: "is not believed",
}
MEND = "Look at the node; `earnest ledger rebuild --compare` holds the books against its chain."
"""What to do about a node whose chain is not the one in the books."""


def look(container: Container) -> tuple[str, str, bool]:
    """Return how the nodes are in a few sentences, how to mend it (empty where it is good), and whether none serves."""
    chain = container.chain
    try:
        head = chain.block("latest")
    except Unavailable as error:
        return str(error), "Start the node, or set EARNEST_RPC_URL and EARNEST_CHAIN_ID.", True
    says = f"Chain {container.settings.chain_id} answers; its newest block is {head.number if head else 0}."
    reports = chain.report()
    if len(reports) == 1:
        return says, "", False
    says = f"{says} {'; '.join(_shown(report) for report in reports)}."
    ill = [report for report in reports if report.state not in (NodeState.ASKED, NodeState.READY)]
    return says, "Start or mend what is named, or take it out of EARNEST_RPC_URL." if ill else "", False


def _shown(report: NodeReport) -> str:
    why = f" ({report.why.rstrip('.')})" if report.why and report.state is not NodeState.LAGS else ""
    return f"{report.place} {_STATES[report.state]}{why}"
