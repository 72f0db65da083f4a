"""ImageNet weights: downloaded from a real server on this machine, and read from real files."""

from __future__ import annotations

import hashlib
import socket
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ml.network.imagenet_weights import imagenet_weights
from ml.network.trunk_weights import WeightsError, batch_norms_are_folded, load_state_dict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import Tensor

BODY = bytes(range(256)) * 4000
SHA256 = hashlib.sha256(BODY).hexdigest()
SHARED = Path(__file__).parents[5] / "shared" / "weights" / "resnet50-imagenet-pqf.safetensors"


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@contextmanager
def server(answer: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[str]:
    """Serve every GET with `answer`; yields the URL of a weights file."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        def log_message(self, format: str, *args: object) -> None:
            """Stay silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{running.server_port}/models/resnet50.pth"
        finally:
            running.shutdown()
            thread.join()


def send(handler: BaseHTTPRequestHandler, body: bytes, *, length: int | None = None) -> None:
    handler.send_response(200)
    if length is not None:
        handler.send_header("Content-Length", str(length))
    handler.end_headers()
    handler.wfile.write(body)


def whole(handler: BaseHTTPRequestHandler) -> None:
    send(handler, BODY, length=len(BODY))


def test_a_download_lies_in_the_cache_under_its_own_name(tmp_path: Path) -> None:
    with server(whole) as url:
        path = imagenet_weights(tmp_path / "cache", url=url, sha256=SHA256[:8])
    assert path == tmp_path / "cache" / "resnet50.pth"
    assert path.read_bytes() == BODY
    assert list(path.parent.iterdir()) == [path]


def test_progress_is_told_up_to_the_last_byte(tmp_path: Path) -> None:
    told: list[tuple[int, int | None]] = []
    with server(whole) as url:
        imagenet_weights(tmp_path, url=url, sha256=SHA256, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (len(BODY), len(BODY))
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert len(told) > 1


def test_a_server_that_names_no_length_is_fine(tmp_path: Path) -> None:
    told: list[tuple[int, int | None]] = []
    with server(lambda handler: send(handler, BODY)) as url:
        imagenet_weights(tmp_path, url=url, sha256=SHA256, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (len(BODY), None)


def test_a_sound_file_in_the_cache_is_not_downloaded_again(tmp_path: Path) -> None:
    (tmp_path / "resnet50.pth").write_bytes(BODY)
    unreachable = f"http://127.0.0.1:{free_port()}/resnet50.pth"
    assert imagenet_weights(tmp_path, url=unreachable, sha256=SHA256).read_bytes() == BODY


def test_a_damaged_file_in_the_cache_is_downloaded_again(tmp_path: Path) -> None:
    (tmp_path / "resnet50.pth").write_bytes(BODY[:-1])
    with server(whole) as url:
        assert imagenet_weights(tmp_path, url=url, sha256=SHA256).read_bytes() == BODY


def refused(url: str, cache: Path, *, timeout: float = 30.0) -> str:
    """Return why the download is refused; nothing may be left of it."""
    with pytest.raises(WeightsError, match="--weights FILE") as caught:
        imagenet_weights(cache, url=url, sha256=SHA256, timeout=timeout)
    assert list(cache.iterdir()) == []
    return str(caught.value)


def test_a_wrong_checksum_is_refused_and_nothing_is_kept(tmp_path: Path) -> None:
    with server(lambda handler: send(handler, b"<html>captive portal</html>", length=27)) as url:
        assert "SHA-256" in refused(url, tmp_path)


def test_an_error_of_the_server_is_named(tmp_path: Path) -> None:
    with server(lambda handler: handler.send_error(404)) as url:
        assert "answered 404" in refused(url, tmp_path)


def test_a_server_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert "could not be downloaded" in refused(f"http://127.0.0.1:{free_port()}/resnet50.pth", tmp_path)


def test_a_host_that_does_not_exist_is_named(tmp_path: Path) -> None:
    assert "could not be downloaded" in refused("http://no.such.host.invalid/resnet50.pth", tmp_path)


def test_a_body_that_breaks_off_is_refused_and_the_next_try_succeeds(tmp_path: Path) -> None:
    with server(lambda handler: send(handler, BODY[:5000], length=len(BODY))) as url:
        assert "could not be downloaded" in refused(url, tmp_path)
    with server(whole) as url:
        assert imagenet_weights(tmp_path, url=url, sha256=SHA256).read_bytes() == BODY


def test_a_server_that_falls_silent_is_given_up(tmp_path: Path) -> None:
    enough = threading.Event()

    def stall(handler: BaseHTTPRequestHandler) -> None:
        send(handler, BODY[:1000], length=len(BODY))
        enough.wait(20)

    with server(stall) as url:
        try:
            assert "timed out" in refused(url, tmp_path, timeout=0.2)
        finally:
            enough.set()


def test_a_redirect_is_followed(tmp_path: Path) -> None:
    with server(whole) as target:

        def redirect(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(302)
            handler.send_header("Location", target)
            handler.end_headers()

        with server(redirect) as url:
            assert imagenet_weights(tmp_path, url=url, sha256=SHA256).read_bytes() == BODY


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with server(whole) as url, pytest.raises(WeightsError, match="cannot be written"):
        imagenet_weights(tmp_path / "file" / "cache", url=url, sha256=SHA256)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    torch = pytest.importorskip("torch", reason="reading weights needs the extra 'train'")
    from torchvision.models import resnet50

    torch.manual_seed(0)
    return dict(resnet50(weights=None).state_dict())


def save(state: dict[str, Tensor], path: Path) -> Path:
    import torch
    from safetensors.torch import save_file

    if path.suffix == ".safetensors":
        save_file(state, path)
    else:
        torch.save(state, path)
    return path


@pytest.mark.parametrize("name", ["weights.safetensors", "weights.pth"])
def test_weights_are_read_back(state: dict[str, Tensor], tmp_path: Path, name: str) -> None:
    loaded = load_state_dict(save(state, tmp_path / name))
    assert loaded.keys() == state.keys()
    assert all((loaded[name] == value).all() for name, value in state.items())


def test_half_precision_becomes_single(state: dict[str, Tensor], tmp_path: Path) -> None:
    import torch

    half = {name: value.half() if value.is_floating_point() else value for name, value in state.items()}
    loaded = load_state_dict(save(half, tmp_path / "weights.safetensors"))
    assert loaded["conv1.weight"].dtype == torch.float32
    assert loaded["bn1.num_batches_tracked"].dtype == torch.int64
    assert torch.allclose(loaded["conv1.weight"], state["conv1.weight"], atol=1e-3)


def test_the_classifier_may_be_missing(state: dict[str, Tensor], tmp_path: Path) -> None:
    trunk = {name: value for name, value in state.items() if not name.startswith("fc.")}
    assert load_state_dict(save(trunk, tmp_path / "weights.pth")).keys() == trunk.keys()


def test_weights_of_another_network_are_refused(state: dict[str, Tensor], tmp_path: Path) -> None:
    missing = {name: value for name, value in state.items() if name != "layer4.2.conv3.weight"}
    with pytest.raises(WeightsError, match=r"'layer4\.2\.conv3\.weight' is missing"):
        load_state_dict(save(missing, tmp_path / "missing.pth"))
    narrow = {**state, "conv1.weight": state["conv1.weight"][:, :1].contiguous()}
    with pytest.raises(WeightsError, match=r"'conv1\.weight' has shape \(64, 1, 7, 7\), not \(64, 3, 7, 7\)"):
        load_state_dict(save(narrow, tmp_path / "narrow.safetensors"))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_numbers_are_refused(state: dict[str, Tensor], tmp_path: Path, value: float) -> None:
    broken = {**state, "bn1.weight": state["bn1.weight"].clone().fill_(value)}
    with pytest.raises(WeightsError, match=r"'bn1\.weight' holds NaN or infinite"):
        load_state_dict(save(broken, tmp_path / "weights.safetensors"))


@pytest.mark.parametrize("name", ["weights.safetensors", "weights.pth"])
@pytest.mark.parametrize("content", [b"", b"<html>not weights</html>", b"PK\3\4" + bytes(100)])
def test_a_file_that_holds_no_weights_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    pytest.importorskip("torch", reason="reading weights needs the extra 'train'")
    (tmp_path / name).write_bytes(content)
    with pytest.raises(WeightsError, match="not a readable weights file"):
        load_state_dict(tmp_path / name)


def test_a_pickle_that_would_run_code_is_refused(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="reading weights needs the extra 'train'")

    class Bomb:
        def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
            return Path(tmp_path / "ran").write_text, ("it ran",)  # type: ignore[return-value]

    torch.save({"conv1.weight": Bomb()}, tmp_path / "weights.pth")
    with pytest.raises(WeightsError):
        load_state_dict(tmp_path / "weights.pth")
    assert not (tmp_path / "ran").exists()


def test_a_file_with_something_else_than_weights_is_refused(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="reading weights needs the extra 'train'")
    torch.save([1, 2, 3], tmp_path / "weights.pth")
    with pytest.raises(WeightsError, match="does not hold weights by name"):
        load_state_dict(tmp_path / "weights.pth")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="reading weights needs the extra 'train'")
    for name in ("weights.safetensors", "weights.pth"):
        with pytest.raises(WeightsError, match="no such file"):
            load_state_dict(tmp_path / name)


def test_fresh_batch_norms_count_as_folded_and_trained_ones_do_not(state: dict[str, Tensor]) -> None:
    assert batch_norms_are_folded(state)
    trained = {**state, "layer1.0.bn1.running_mean": state["layer1.0.bn1.running_mean"] + 0.1}
    assert not batch_norms_are_folded(trained)
    scaled = {**state, "layer1.0.bn1.running_var": state["layer1.0.bn1.running_var"] * 2}
    assert not batch_norms_are_folded(scaled)
    assert not batch_norms_are_folded({})


@pytest.mark.shared
def test_the_shared_imagenet_weights_load_and_their_batch_norms_are_folded() -> None:
    if not SHARED.is_file():
        pytest.skip(f"the ImageNet weights {SHARED} are not part of the repository")
    torch = pytest.importorskip("torch", reason="reading weights needs the extra 'train'")
    loaded = load_state_dict(SHARED)
    assert loaded["conv1.weight"].dtype == torch.float32
    assert loaded["fc.weight"].shape == (1000, 2048)
    assert batch_norms_are_folded(loaded)
