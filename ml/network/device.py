"""Chooses the device and the precision of torch computations. Importing this imports torch."""

from __future__ import annotations

import os

import torch

from ml.network.openvino_runtime import bf16_is_allowed


def training_device() -> torch.device:
    """Return CUDA if available (one device for each `torchrun` process), else Apple's GPU, else the CPU."""
    if torch.cuda.is_available():
        local_rank = os.environ.get("LOCAL_RANK")
        return torch.device("cuda") if local_rank is None else torch.device("cuda", int(local_rank))
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def mixed_precision(device: torch.device) -> torch.autocast:
    """Return an autocast context: bf16 if the device supports it natively, else float32.

    bf16 has the range of float32, so gradients need no scaling as in fp16. A CPU without bf16 instructions emulates
    them at a fraction of float32's speed.
    """
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=_has_bf16(device))


def precision_name(device: torch.device) -> str:
    """Return the precision of `mixed_precision`: `bf16` or `f32`."""
    return "bf16" if _has_bf16(device) else "f32"


def _has_bf16(device: torch.device) -> bool:
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu":
        capabilities = torch.cpu.get_capabilities()
        return bf16_is_allowed() and any(capabilities.get(name, False) for name in ("amx_bf16", "avx512_bf16"))
    return False
