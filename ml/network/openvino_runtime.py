"""Runs OpenVINO without telemetry, and with explicit threads and precision."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from pathlib import Path

_WITHOUT_BF16 = frozenset({"SSE41", "AVX", "AVX2", "AVX2_VNNI", "AVX512_CORE", "AVX512_CORE_VNNI"})
"""Values of oneDNN's setting ONEDNN_MAX_CPU_ISA that exclude bf16 instructions."""

Precision: TypeAlias = Literal["auto", "bf16", "f32", "int8"]


class PrecisionUnsupported(ValueError):
    """The CPU does not support the requested precision."""


def load_openvino() -> Any:
    """Import OpenVINO with its telemetry off.

    OpenVINO's converter reports its usage through the package `openvino_telemetry`, and uses a stub if the package is
    missing. The only setting against it is a file in the user's home folder. So this hides the package: None in
    `sys.modules` makes its import fail.
    """
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
    import openvino

    return openvino


def compile_graph(graph: Path, *, threads: int, precision: Precision, streams: int = 1) -> Any:
    """Compile a graph for this CPU and return the `openvino.CompiledModel`.

    The precision is set explicitly, since OpenVINO chooses bf16 by default if the CPU has it.

    Args:
        graph: the .xml file; the quantised one for `int8`.
        threads: in total.
        precision: `int8` runs the quantised operations in int8, and the others in f32.
        streams: parallel requests, which share the threads. One stream has the lowest latency for a single photo; one
            stream for each thread has the highest throughput, since no thread waits for another.

    Raises:
        PrecisionUnsupported: the CPU does not support the precision.
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
    """Return the compiled graph's precision, as OpenVINO reports it: `bf16` or `f32`."""
    return str(compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name())


def processor_capabilities() -> list[str]:
    """Return the number formats that OpenVINO supports natively on this CPU, such as `BF16` and `INT8`."""
    capabilities = load_openvino().Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    # OpenVINO 2026.4 still lists bf16 if its instructions are excluded, and then crashes.
    return [name for name in capabilities if name != "BF16" or bf16_is_allowed()]


def bf16_is_allowed() -> bool:
    """Return whether ONEDNN_MAX_CPU_ISA allows bf16 instructions. OpenVINO and torch both compute with oneDNN."""
    return os.environ.get("ONEDNN_MAX_CPU_ISA", "").upper() not in _WITHOUT_BF16


def available_cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _resolve(precision: Precision, *, bf16: bool) -> str:
    if precision == "bf16" and not bf16:
        raise PrecisionUnsupported("this CPU does not support bf16")
    if precision == "auto":
        return "bf16" if bf16 else "f32"
    return "f32" if precision == "int8" else precision
