"""The oneDNN instruction limit decides whether bf16 is used."""

from __future__ import annotations

import pytest

from ml.network.openvino_runtime import bf16_is_allowed, processor_capabilities


@pytest.fixture(autouse=True, scope="module")
def _initialised_onednn() -> None:
    """oneDNN reads its limit once per process: it must not read the limits of these tests."""
    processor_capabilities()


@pytest.mark.parametrize("limit", ["AVX2", "avx512_core", "AVX512_CORE_VNNI"])
def test_bf16_is_not_used_if_its_instructions_are_excluded(limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", limit)
    assert not bf16_is_allowed()
    assert "BF16" not in processor_capabilities()


@pytest.mark.parametrize("limit", ["", "DEFAULT", "AVX512_CORE_BF16", "AVX10_1_512_AMX"])
def test_other_limits_allow_bf16(limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", limit)
    assert bf16_is_allowed()
