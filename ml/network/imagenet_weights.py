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
"""The first digits of its SHA-256, which torchvision writes into the name (`torch.hub`'s `check_hash`)."""

_CHUNK = 1 << 18


def imagenet_weights(
    cache_dir: Path,
    *,
    url: str = RESNET50_URL,
    sha256: str = RESNET50_SHA256,
    progress: Progress | None = None,
    timeout: float = 30.0,
) -> Path:
    """Return the weights file in `cache_dir`, downloading it unless it is there and sound.

    Args:
        cache_dir: created if need be. A download appears in it whole and checked, or not at all.
        url: where it is published.
        sha256: the digest's first hex digits.
        progress: told how many bytes have come, and of how many (None when the server does not say).
        timeout: seconds without an answer, or without another byte.

    Raises:
        WeightsError: the server cannot be reached, answers with an error, breaks off or sends something else, or the
            file cannot be written.
    """
    place = cache_dir / url.rsplit("/", 1)[-1]
    if place.is_file() and file_sha256(place).startswith(sha256):
        return place
    try:
        cache_dir.mkdir(parents=True, exist_ok=True)
        with _temporary_beside(place) as temporary:
            _download(url, temporary, progress=progress or _silent, timeout=timeout)
            found = file_sha256(temporary)
            if not found.startswith(sha256):
                raise WeightsError(url, f"what came has the SHA-256 {found}, which does not begin with {sha256}")
            temporary.replace(place)
    except OSError as error:
        problem = f"cannot be written ({error.strerror})"
        raise WeightsError(place, problem, "Make room, or name another folder") from error
    return place


@contextmanager
def _temporary_beside(place: Path) -> Iterator[Path]:
    temporary = place.with_name(f"{place.name}.{uuid4().hex}.partial")
    try:
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def _download(url: str, place: Path, *, progress: Progress, timeout: float) -> None:
    try:
        with httpx.stream("GET", url, timeout=timeout, follow_redirects=True) as answer, place.open("xb") as file:
            answer.raise_for_status()
            total = int(length) if (length := answer.headers.get("content-length", "")).isdecimal() else None
            for chunk in answer.iter_bytes(_CHUNK):
                file.write(chunk)
                progress(answer.num_bytes_downloaded, total)
    except httpx.HTTPStatusError as error:
        raise WeightsError(url, f"the server answered {error.response.status_code}") from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise WeightsError(url, f"could not be downloaded ({str(error) or type(error).__name__})") from error


def _silent(_done: int, _total: int | None) -> None:
    """Tell nobody."""
