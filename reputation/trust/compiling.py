"""How the inner loops are compiled: by numba, and kept on disk where one takes them (pure)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

import numba
import numpy.typing as npt
from llvmlite import ir
from numba.core import cgutils
from numba.extending import intrinsic

P = ParamSpec("P")
R = TypeVar("R")


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function at its first call. Importing this takes a third of a second: only who scores imports it."""
    try:
        made = numba.njit(cache=True, nogil=True, error_model="numpy")(function)
    except RuntimeError:  # no folder to keep it in can be written
        made = numba.njit(nogil=True, error_model="numpy")(function)
    return cast("Callable[P, R]", made)


def _fetch(typing: Any, records: Any, place: Any) -> Any:  # noqa: ANN401, ARG001 - numba's own types
    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:  # noqa: ANN401 - as above
        kind = signature.args[0]
        array = context.make_array(kind)(context, builder, given[0])
        at = _WRITING.get_item_pointer(context, builder, kind, array, [given[1]], wraparound=False)
        word, address = ir.IntType(32), ir.IntType(8).as_pointer()
        kinds = ir.FunctionType(ir.VoidType(), [address, word, word, word])
        hint = _WRITING.get_or_insert_function(builder.module, kinds, "llvm.prefetch.p0")
        builder.call(hint, [builder.bitcast(at, address), word(0), word(3), word(1)])
        return context.get_dummy_value()

    return numba.types.void(records, numba.types.intp), generate


_WRITING: Any = cgutils
fetch = cast("Callable[[npt.NDArray[Any], int], None]", intrinsic(_fetch))
"""Have the processor bring a record nearer that is needed soon, and not wait for it: nothing else happens.

It never fails, wherever the place is. To be called in compiled loops alone.
"""
