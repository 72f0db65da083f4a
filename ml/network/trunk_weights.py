"""Loads and checks trunk weights from a file or a bundle. Only loading imports torch."""

from __future__ import annotations

import hashlib
import pickle
from contextlib import contextmanager
from typing import TYPE_CHECKING

from safetensors import SafetensorError

from ml.bundle.bundle import Bundle
from ml.bundle.manifest import BundleError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from torch import Tensor

_OTHER_WEIGHTS = "Name a weights file with `--weights FILE`, or train without ImageNet weights with `--weights none`"


class WeightsError(ValueError):
    """Weights cannot be downloaded or used. The message names the source, the problem and the remedy."""

    def __init__(self, source: Path | str, problem: str, remedy: str = _OTHER_WEIGHTS) -> None:
        super().__init__(f"{source}: {problem}. {remedy}.")


def load_state_dict(path: Path) -> dict[str, Tensor]:
    """Load a ResNet-50's weights by torchvision's names, on the CPU; floating-point weights as float32.

    The classifier (`fc.`) may be missing and may have any shape.

    Args:
        path: a `.safetensors` file, a `.pth` file saved by torch, or a model bundle's folder. Code in a file is never
            run. A bundle without torch weights gives the weights of its int8 graph.

    Raises:
        WeightsError: the file or bundle cannot be read, belongs to another network, or has NaN or infinite values.
    """
    import torch

    with _reading(path):
        if path.is_dir():
            content = _bundle_trunk(path)
        elif path.suffix == ".safetensors":
            from safetensors.torch import load_file

            content = load_file(path)
        else:
            content = torch.load(path, map_location="cpu", weights_only=True)
    if not isinstance(content, dict) or not all(isinstance(value, torch.Tensor) for value in content.values()):
        raise WeightsError(path, "is not a dictionary of weights by name")
    state = {name: value.float() if value.is_floating_point() else value for name, value in content.items()}
    _check(path, state)
    return state


def weights_sha256(path: Path) -> str:
    """Return the SHA-256 of a weights file, or the version of a bundle.

    Raises:
        WeightsError: the file or bundle cannot be read.
    """
    with _reading(path):
        return Bundle.load(path).version if path.is_dir() else file_sha256(path)


def _bundle_trunk(path: Path) -> dict[str, Tensor]:
    bundle = Bundle.load(path)
    if not bundle.has_float:
        from ml.network.graph_weights import load_graph_weights

        return load_graph_weights(bundle.int8_graph_path or bundle.graph_path)
    from safetensors.torch import load_file

    state = load_file(bundle.weights_path)
    return {name.removeprefix("trunk."): value for name, value in state.items() if name.startswith("trunk.")}


def batch_norms_are_folded(state: Mapping[str, Tensor]) -> bool:
    """Return whether every batch norm has mean 0 and variance 1, since its statistics are folded into the weights.

    Such batch norms must stay in evaluation mode: training mode computes new statistics and undoes the training.
    """
    means = [value for name, value in state.items() if name.endswith("running_mean")]
    variances = [value for name, value in state.items() if name.endswith("running_var")]
    return bool(means) and all((mean == 0).all() for mean in means) and all((var == 1).all() for var in variances)


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise WeightsError(path, "does not exist") from error
    except BundleError as error:
        problem = f"is not a usable model bundle ({error.path.name}: {error.problem})"
        raise WeightsError(path, problem) from error
    except (OSError, RuntimeError, ValueError, EOFError, KeyError, pickle.UnpicklingError, SafetensorError) as error:
        problem = (str(error) or type(error).__name__).splitlines()[0]
        if isinstance(error, pickle.UnpicklingError):  # torch's message suggests loading the file anyway
            problem = "it has other content than weights, possibly code, or was not saved by torch"
        raise WeightsError(path, f"is not a readable weights file ({problem})") from error


def _check(path: Path, state: Mapping[str, Tensor]) -> None:
    for name, shape in _resnet50_shapes().items():
        if name not in state:
            raise WeightsError(path, f"is not a ResNet-50: {name!r} is missing")
        if tuple(state[name].shape) != shape:
            raise WeightsError(path, f"is not a ResNet-50: {name!r} has shape {tuple(state[name].shape)}, not {shape}")
    for name, value in state.items():
        if value.is_floating_point() and not value.isfinite().all():
            raise WeightsError(path, f"{name!r} has NaN or infinite values")


def _resnet50_shapes() -> dict[str, tuple[int, ...]]:
    """Return the shapes of the required weights, without allocating them."""
    import torch
    from torchvision.models import resnet50

    with torch.device("meta"):
        state = resnet50(weights=None).state_dict()
    optional = ("fc.weight", "fc.bias")
    return {n: tuple(v.shape) for n, v in state.items() if n not in optional and not n.endswith("num_batches_tracked")}


def file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
