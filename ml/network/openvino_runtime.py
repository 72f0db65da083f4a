"""OpenVINO as used here: without telemetry, with the number of threads and the precision set explicitly."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from pathlib import Path

_WITHOUT_BF16 = frozenset({"SSE41", "AVX", "AVX2", "AVX2_VNNI", "AVX512_CORE", "AVX512_CORE_VNNI"})
"""Values of oneDNN's setting ONEDNN_MAX_CPU_ISA that leave no instructions for bf16."""

Precision: TypeAlias = Literal["auto", "bf16", "f32", "int8"]


class PrecisionUnsupported(ValueError):
    """The processor lacks the precision asked for."""


def load_openvino() -> Any:
    """Import OpenVINO with its telemetry off.

    OpenVINO's converter reports usage through the package `openvino_telemetry`, and falls back to an empty stub of
    its own where that package is not installed. There is no setting for it short of a file in the user's home
    folder, so the package is hidden here: None in `sys.modules` makes its import fail.
    """
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
    import openvino

    return openvino


def compile_graph(graph: Path, *, threads: int, precision: Precision, streams: int = 1) -> Any:
    """Return the compiled graph for this processor, as an `openvino.CompiledModel`.

    Without the hint for the precision OpenVINO chooses bf16 on its own where it can.

    Args:
        graph: its .xml; for `int8` the quantised one.
        threads: in all.
        precision: `int8` runs what the graph has quantised in int8, and the rest in f32.
        streams: requests computed at a time, each by its share of the threads. One stream gives a single photo its
            lowest latency; one for each thread gives the most photos per second, as no thread waits for another.

    Raises:
        PrecisionUnsupported: the processor lacks the precision asked for.
        RuntimeError: OpenVINO cannot read or compile the graph.
    """
    core = load_openvino().Core()
    settings = {
        "INFERENCE_PRECISION_HINT": _resolve(precision, bf16="BF16" in processor_capabilities()),
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": streams,
    }
    return core.compile_model(graph, "CPU", settings)


def compiled_precision(compiled: Any) -> str:
    """Return the precision that the compiled graph computes in, as OpenVINO states it: `bf16` or `f32`."""
    return str(compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name())


def processor_capabilities() -> list[str]:
    """Return what OpenVINO can compute in natively on this processor, such as `BF16` and `INT8`."""
    found = load_openvino().Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    # OpenVINO 2026.4 goes on naming bf16 where its kernels are forbidden, and then crashes in them.
    return [name for name in found if name != "BF16" or bf16_is_allowed()]


def bf16_is_allowed() -> bool:
    """Return whether oneDNN, which OpenVINO and torch compute with, is not limited to processors without bf16."""
    return os.environ.get("ONEDNN_MAX_CPU_ISA", "").upper() not in _WITHOUT_BF16


def available_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _resolve(precision: Precision, *, bf16: bool) -> str:
    if precision == "bf16" and not bf16:
        raise PrecisionUnsupported("this processor does not compute in bf16")
    if precision == "auto":
        return "bf16" if bf16 else "f32"
    return "f32" if precision == "int8" else precision
