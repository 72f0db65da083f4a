"""The baselines' vectors in OpenVINO, compared with torchvision in torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from ml.evaluation.baselines import baseline_vectors, letterboxed
from ml.network.trunk_weights import WeightsError

torch = pytest.importorskip("torch", reason="the baselines need the extra 'train'")

from safetensors.torch import save_file  # noqa: E402
from torchvision.models.resnet import Bottleneck, ResNet  # noqa: E402
from torchvision.transforms import functional as transforms  # noqa: E402

from ml.photos.decode import decode  # noqa: E402
from ml.photos.preprocess import IMAGENET_MEAN, IMAGENET_STD  # noqa: E402

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeJpeg

pytestmark = pytest.mark.train


def shallow_resnet50(weights: None = None) -> ResNet:
    """Return a ResNet-50 with one block in each stage: a third of the work, and outputs of the same shapes."""
    return ResNet(Bottleneck, [1, 1, 1, 1])


@pytest.fixture(autouse=True)
def _shallow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torchvision.models.resnet50", shallow_resnet50)


def test_pads_a_photo_with_black_resizes_it_and_crops_the_middle() -> None:
    square = letterboxed(Image.new("RGB", (256, 128), "white"))
    assert square.shape == (224, 224, 3)
    columns = square[:, 112, 0]
    # Rows 64 to 192 of 256 are white; the crop removes 16 at each end.
    assert (columns[:47] == 0).all()
    assert (columns[49:175] == 255).all()
    assert (columns[177:] == 0).all()
    assert (square[112] == 255).all()


def test_features_and_logits_equal_those_of_torchvision(tmp_path: Path, jpeg: MakeJpeg) -> None:
    torch.manual_seed(0)
    network = shallow_resnet50().eval()
    save_file(network.state_dict(), tmp_path / "weights.safetensors")
    photos = [tmp_path / f"{n}.jpg" for n in range(17)]  # one more than a batch
    for seed, path in enumerate(photos):
        path.write_bytes(jpeg(seed=seed))
    calls: list[tuple[int, int]] = []
    found = baseline_vectors(
        photos, tmp_path / "weights.safetensors", threads=1, progress=lambda *step: calls.append(step)
    )
    assert calls == [(16, 17), (17, 17)]
    last = transforms.to_tensor(letterboxed(decode(photos[-1].read_bytes())).copy())
    with torch.inference_mode():
        logits = network(transforms.normalize(last, list(IMAGENET_MEAN), list(IMAGENET_STD))[None])[0]
    np.testing.assert_allclose(found.logits[-1], logits.numpy(), atol=1e-3 * float(logits.abs().max()))
    expected = found.pooled @ network.fc.weight.detach().numpy().T + network.fc.bias.detach().numpy()
    np.testing.assert_allclose(found.logits, expected, atol=1e-3 * np.abs(expected).max())


def test_rejects_weights_without_a_classifier(tmp_path: Path) -> None:
    state = {name: value for name, value in shallow_resnet50().state_dict().items() if not name.startswith("fc.")}
    save_file(state, tmp_path / "weights.safetensors")
    with pytest.raises(WeightsError, match="has no classifier"):
        baseline_vectors([], tmp_path / "weights.safetensors", threads=1, progress=lambda _done, _total: None)
