"""The peers of the benchmarks of rules, measured by a program in their own environment, which prints JSON."""

from __future__ import annotations

import json
import re
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks._patterns import messages, patterns

_SAMPLE = 400


def rules(task: Any) -> dict[str, float]:  # noqa: ANN401 - JSON
    """Measure evaluations a second: the CEL in Rust, with and without converting the facts, and cel-python."""
    import cel  # noqa: PLC0415 - libraries of this environment alone
    import celpy  # noqa: PLC0415
    from celpy.adapter import json_to_cel  # noqa: PLC0415

    text, facts, wanted = task["condition"], task["facts"], task["answers"]
    program = cel.compile(text)
    if [program.execute(each) for each in facts] != wanted:
        raise SystemExit("the CEL in Rust says something else")
    environment = celpy.Environment()
    slow = environment.program(environment.compile(text))
    converted = [json_to_cel(each) for each in facts[:_SAMPLE]]
    if [bool(slow.evaluate(each)) for each in converted] != wanted[:_SAMPLE]:
        raise SystemExit("cel-python says something else")
    contexts = [cel.Context(variables=each) for each in facts[:_SAMPLE]]
    return {
        "common-expression-language (Rust)": _rate(program.execute, facts),
        "the same, facts converted before": _rate(program.execute, contexts),
        "cel-python": _rate(slow.evaluate, converted),
    }


def texts(_task: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """Measure messages a second in which hyperscan looks for all patterns, and what it finds in a sample."""
    import hyperscan  # noqa: PLC0415 - a library of this environment alone

    literals, regexes = patterns()
    flags = hyperscan.HS_FLAG_CASELESS | hyperscan.HS_FLAG_SINGLEMATCH | hyperscan.HS_FLAG_DOTALL
    expressions = [re.escape(each).encode() for each in literals] + [each.encode() for each in regexes]
    base = hyperscan.Database()
    base.compile(expressions=expressions, ids=list(range(len(expressions))), flags=[flags] * len(expressions))

    def found(text: str) -> list[int]:
        ids: list[int] = []
        base.scan(text.encode(), match_event_handler=lambda number, *_: ids.append(number))
        return ids

    sample = [text for text in messages() if text.isascii()][:_SAMPLE]
    return {"found": [sorted(found(text)) for text in sample], "hyperscan": _rate(found, messages())}


def _rate(work: Callable[[Any], object], inputs: Sequence[object]) -> float:
    rounds = []
    for _ in range(5):
        begun = time.perf_counter()
        for each in inputs:
            work(each)
        rounds.append(len(inputs) / (time.perf_counter() - begun))
    return statistics.median(rounds)


if __name__ == "__main__":
    given = json.load(sys.stdin)
    print(json.dumps({"rules": rules, "texts": texts}[given["task"]](given)))
