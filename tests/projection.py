"""A model bundle whose network is a random projection of the photo's coarse pixels: milliseconds instead of seconds.

Equal photos have equal vectors, and similar photos have near vectors. Everything else is real: the files, the manifest,
OpenVINO and the canonical check. Tests use it wherever the quality of the network does not matter.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors.numpy import save_file

from ml.bundle.bundle import Bundle
from ml.bundle.canonical import CanonicalVectors, canonical_photos
from ml.bundle.manifest import GRAPH, WEIGHTS, ModelDescription
from ml.bundle.ood import OodCalibration, OodDetector
from ml.bundle.writer import staged_folder, write_manifest
from ml.embedding.open_embedder import open_embedder
from ml.network.openvino_runtime import compile_graph, load_openvino
from ml.photos.preprocess import Preprocessing

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

CATEGORIES = ("Baby & Kids Stuff", "Home & Garden", "Phones")
SIZE = 64
VECTOR_SIZE = 32
_CELLS = 8
_SHARPNESS = 4.0


def write_projection(out: Path, *, seed: int = 0) -> Bundle:
    """Write the bundle at `out`; each seed gives another model with other vectors."""
    rng = np.random.default_rng(seed)
    projection = rng.normal(size=(3 * _CELLS**2, VECTOR_SIZE)).astype(np.float32)
    head = rng.normal(size=(VECTOR_SIZE, len(CATEGORIES))).astype(np.float32)
    openvino = load_openvino()
    with staged_folder(out) as folder:
        save_file({"projection": projection, "head": head}, folder / WEIGHTS)
        openvino.save_model(_graph(openvino, projection, head), folder / GRAPH, compress_to_fp16=False)
        request = compile_graph(folder / GRAPH, threads=1, precision="f32").create_infer_request()
        request.infer([canonical_photos(SIZE)])
        vectors = request.get_output_tensor(0).data.copy()
        write_manifest(
            folder,
            ModelDescription(CATEGORIES, Preprocessing(size=SIZE), {"accuracy": 0.0}, {"trained": False}),
            vector_size=VECTOR_SIZE,
            canonical=CanonicalVectors.of(vectors),
        )
    return Bundle.load(out)


def write_detecting(out: Path, projection: Bundle, known: Sequence[bytes], **description: Any) -> Bundle:
    """Write a copy of the bundle at `out` whose OOD detector knows these photos only; each is a reference.

    Args:
        description: fields of the model's description to replace.
    """
    loaded = np.stack([projection.preprocessing.load(photo) for photo in known])
    references = open_embedder(projection, threads=1).embed(loaded).vectors.astype(np.float16)
    calibration = OodCalibration(
        k=1, threshold=1.0, false_alarm_rate=0.05, photos=60, held_out_photos=60, held_out_alarms=0.0
    )
    ood = OodDetector.of(references, calibration, vector_size=projection.vector_size)
    shutil.copytree(projection.path, out)
    write_manifest(
        out,
        replace(projection.description, ood=ood, **description),
        vector_size=projection.vector_size,
        canonical=projection.canonical,
    )
    return Bundle.load(out)


def _graph(openvino: Any, projection: np.ndarray, head: np.ndarray) -> Any:
    """Map photos, uint8 (n, S, S, 3), to mean colours of 8 x 8 cells, then to vectors and probabilities."""
    ops = openvino.opset13
    photos = ops.parameter([-1, SIZE, SIZE, 3], np.uint8, name="photos")
    side = SIZE // _CELLS
    cells = ops.reshape(ops.convert(photos, "f32"), np.array([-1, _CELLS, side, _CELLS, side, 3]), special_zero=False)
    means = ops.reshape(ops.reduce_mean(cells, np.array([2, 4])), np.array([-1, 3 * _CELLS**2]), special_zero=False)
    coarse = ops.divide(ops.subtract(means, np.float32(127.5)), np.float32(127.5))
    vectors = ops.normalize_l2(ops.matmul(coarse, projection, False, False), np.array([1]), 1e-12, "add")
    logits = ops.multiply(ops.matmul(vectors, head, False, False), np.float32(_SHARPNESS))
    return openvino.Model([vectors, ops.softmax(logits, 1)], [photos], "projection")
