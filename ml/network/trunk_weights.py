"""Trunk weights from a file or a bundle, checked. Only reading imports torch."""

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
    """ImageNet weights cannot be had, or cannot be used: which, what is wrong, and what to do."""

    def __init__(self, source: Path | str, problem: str, remedy: str = _OTHER_WEIGHTS) -> None:
        super().__init__(f"{source}: {problem}. {remedy}.")


def load_state_dict(path: Path) -> dict[str, Tensor]:
    """Return a ResNet-50's weights by torchvision's names, floating point ones as float32, on the CPU.

    The classifier (`fc.`) may be missing; its shape is not looked at.

    Args:
        path: `.safetensors`, or `.pth` as torch saves it. Nothing in it is executed. Or a model bundle's folder: its
            trunk, which is read from the int8 graph where the bundle has no other weights.

    Raises:
        WeightsError: the file or bundle cannot be read, is of another network, or holds NaN or infinite values.
    """
    import torch

    with _reading(path):
        if path.is_dir():
            found = _trunk_of_bundle(path)
        elif path.suffix == ".safetensors":
            from safetensors.torch import load_file

            found = load_file(path)
        else:
            found = torch.load(path, map_location="cpu", weights_only=True)
    if not isinstance(found, dict) or not all(isinstance(value, torch.Tensor) for value in found.values()):
        raise WeightsError(path, "does not hold weights by name")
    state = {name: value.float() if value.is_floating_point() else value for name, value in found.items()}
    _check(path, state)
    return state


def weights_sha256(path: Path) -> str:
    """Return the digest of a weights file, or the version of a bundle.

    Raises:
        WeightsError: it cannot be read.
    """
    with _reading(path):
        return Bundle.load(path).version if path.is_dir() else file_sha256(path)


def _trunk_of_bundle(path: Path) -> dict[str, Tensor]:
    bundle = Bundle.load(path)
    if not bundle.has_float:
        from ml.network.graph_weights import load_graph_weights

        return load_graph_weights(bundle.int8_graph_path or bundle.graph_path)
    from safetensors.torch import load_file

    state = load_file(bundle.weights_path)
    return {name.removeprefix("trunk."): value for name, value in state.items() if name.startswith("trunk.")}


def batch_norms_are_folded(state: Mapping[str, Tensor]) -> bool:
    """Say whether the batch norms' statistics are all mean 0 and variance 1.

    Then they have been absorbed into the weights beside them, and training mode, which computes them anew, would undo
    what the network has learnt: such batch norms stay in evaluation mode.
    """
    means = [value for name, value in state.items() if name.endswith("running_mean")]
    variances = [value for name, value in state.items() if name.endswith("running_var")]
    return bool(means) and all((mean == 0).all() for mean in means) and all((var == 1).all() for var in variances)


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise WeightsError(path, "there is no such file") from error
    except BundleError as error:
        problem = f"is no model bundle to take weights from ({error.path.name}: {error.problem})"
        raise WeightsError(path, problem) from error
    except (OSError, RuntimeError, ValueError, EOFError, KeyError, pickle.UnpicklingError, SafetensorError) as error:
        problem = (str(error) or type(error).__name__).splitlines()[0]
        if isinstance(error, pickle.UnpicklingError):  # torch's own words advise to load it all the same
            problem = "it holds other things than weights, which may be code, or is no file of torch's"
        raise WeightsError(path, f"is not a readable weights file ({problem})") from error


def _check(path: Path, state: Mapping[str, Tensor]) -> None:
    for name, shape in _resnet50_shapes().items():
        if name not in state:
            raise WeightsError(path, f"is not of a ResNet-50: {name!r} is missing")
        if tuple(state[name].shape) != shape:
            raise WeightsError(
                path, f"is not of a ResNet-50: {name!r} has shape {tuple(state[name].shape)}, not {shape}"
            )
    for name, value in state.items():
        if value.is_floating_point() and not value.isfinite().all():
            raise WeightsError(path, f"{name!r} holds NaN or infinite values")


def _resnet50_shapes() -> dict[str, tuple[int, ...]]:
    """Return the shapes of the weights that the network cannot do without; none is allocated."""
    import torch
    from torchvision.models import resnet50

    with torch.device("meta"):
        state = resnet50(weights=None).state_dict()
    spare = ("fc.weight", "fc.bias")
    return {n: tuple(v.shape) for n, v in state.items() if n not in spare and not n.endswith("num_batches_tracked")}


def file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
