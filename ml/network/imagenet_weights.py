"""ImageNet weights of torchvision's ResNet-50: downloaded once, checked and cached."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING
from uuid import uuid4

import httpx

from ml.network.trunk_weights import WeightsError, file_sha256

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Progress = Callable[[int, int | None], None]

RESNET50_URL = "https://download.pytorch.org/models/resnet50-11ad3fa6.pth"
"""torchvision's `ResNet50_Weights.IMAGENET1K_V2` (80.9 % top-1), 98 MiB."""

RESNET50_SHA256 = "11ad3fa6"
"""The first digits of its SHA-256, which are part of the file name (`torch.hub`'s `check_hash`)."""

_CHUNK = 1 << 18


def imagenet_weights(
    cache_dir: Path,
    *,
    url: str = RESNET50_URL,
    sha256: str = RESNET50_SHA256,
    progress: Progress | None = None,
    timeout: float = 30.0,
) -> Path:
    """Return the weights file in `cache_dir`; downloads it if it is missing or damaged.

    Args:
        cache_dir: created if missing. A download appears in it complete and checked, or not at all.
        sha256: first hex digits of the expected SHA-256.
        progress: callback with the downloaded bytes and the total (None if the server does not state it).
        timeout: seconds without a response or without new bytes.

    Raises:
        WeightsError: the download fails, the file has another SHA-256, or it cannot be written.
    """
    file = cache_dir / url.rsplit("/", 1)[-1]
    if file.is_file() and file_sha256(file).startswith(sha256):
        return file
    try:
        cache_dir.mkdir(parents=True, exist_ok=True)
        with _temporary_file(file) as temporary:
            _download(url, temporary, progress=progress or _silent, timeout=timeout)
            actual = file_sha256(temporary)
            if not actual.startswith(sha256):
                raise WeightsError(url, f"the downloaded file has SHA-256 {actual}, not {sha256}...")
            temporary.replace(file)
    except OSError as error:
        problem = f"cannot be written ({error.strerror})"
        raise WeightsError(file, problem, "Free some space, or choose another folder") from error
    return file


@contextmanager
def _temporary_file(target: Path) -> Iterator[Path]:
    temporary = target.with_name(f"{target.name}.{uuid4().hex}.partial")
    try:
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def _download(url: str, target: Path, *, progress: Progress, timeout: float) -> None:
    try:
        with httpx.stream("GET", url, timeout=timeout, follow_redirects=True) as response, target.open("xb") as file:
            response.raise_for_status()
            total = int(length) if (length := response.headers.get("content-length", "")).isdecimal() else None
            for chunk in response.iter_bytes(_CHUNK):
                file.write(chunk)
                progress(response.num_bytes_downloaded, total)
    except httpx.HTTPStatusError as error:
        raise WeightsError(url, f"the server responded with status {error.response.status_code}") from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise WeightsError(url, f"the download failed ({str(error) or type(error).__name__})") from error


def _silent(_done: int, _total: int | None) -> None:
    pass
