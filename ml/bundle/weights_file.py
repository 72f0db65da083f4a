"""A bundle's weights file: read as safetensors and nothing else, which holds numbers and cannot hold code."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from safetensors import SafetensorError, safe_open

from ml.bundle.manifest import BundleError

if TYPE_CHECKING:
    from pathlib import Path


def check_finite(weights: Path) -> None:
    """Raise unless the file is safetensors and all of its numbers are finite; 0.1 s for a ResNet-50.

    Raises:
        BundleError: a weight is NaN or infinite, or the file is of another kind. A pickle is one, and is not loaded:
            that would run the code in it.
    """
    try:
        with safe_open(weights, framework="numpy") as tensors:
            for name in tensors.keys():  # noqa: SIM118 - a safetensors file is no mapping
                if not np.isfinite(tensors.get_tensor(name)).all():
                    remedy = "The training diverged: train again with a lower learning rate"
                    raise BundleError(weights, f"tensor {name!r} holds NaN or infinite values", remedy)
    except (SafetensorError, OSError, TypeError, AttributeError) as error:  # the last two: types that numpy lacks
        raise BundleError(weights, f"is not a readable safetensors file ({error})", "Export the model again") from error
