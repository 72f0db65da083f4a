"""Perceptual hashes propose pairs of photos to compare: those whose hashes differ in few bits."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from ml.copies.hashes import MAX_DISTANCE, nearest_by_hash, perceptual_hashes
from ml.copies.verdicts import COPY_CANDIDATES


def picture(seed: int) -> Image.Image:
    blocks = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(blocks).resize((96, 96), Image.Resampling.BICUBIC)


def saved_again(image: Image.Image) -> Image.Image:
    content = io.BytesIO()
    ImageEnhance.Brightness(image).enhance(1.2).resize((70, 70)).save(content, "JPEG", quality=60)
    return Image.open(content).resize((96, 96))


def ignore(_done: int, _total: int) -> None:
    pass


def pairs_of(images: list[Image.Image]) -> list[list[int]]:
    hashes = perceptual_hashes(np.stack([np.asarray(image) for image in images]), ignore)
    return nearest_by_hash(hashes, np.arange(len(images))).tolist()


def differing(bits: int) -> int:
    return (1 << bits) - 1


def test_proposes_the_photo_that_was_resized_brightened_and_saved_again() -> None:
    originals = [picture(seed) for seed in range(20)]
    assert [3, 20] in pairs_of([*originals, saved_again(originals[3])])


def test_proposes_the_mirrored_photo() -> None:
    originals = [picture(seed) for seed in range(20)]
    assert [7, 20] in pairs_of([*originals, ImageOps.mirror(originals[7])])


def test_pairs_are_within_the_distance() -> None:
    hashes = np.array([0, differing(MAX_DISTANCE), differing(MAX_DISTANCE + 1)], dtype=np.uint64)
    assert nearest_by_hash(hashes, np.arange(3)).tolist() == [[0, 1], [1, 2]]


def test_photos_of_one_group_are_no_pair() -> None:
    assert nearest_by_hash(np.zeros(3, np.uint64), np.array([0, 0, 1])).tolist() == [[0, 2], [1, 2]]


def test_each_photo_has_few_nearest() -> None:
    pairs = nearest_by_hash(np.zeros(100, np.uint64), np.arange(100))
    assert len(pairs) <= COPY_CANDIDATES * 100


def test_finds_pairs_across_blocks() -> None:
    hashes = np.random.default_rng(0).integers(0, 2**64, 1200, dtype=np.uint64)
    hashes[[1, 1100]] = hashes[600]
    pairs = {tuple(pair) for pair in nearest_by_hash(hashes, np.arange(1200)).tolist()}
    assert {(1, 600), (1, 1100), (600, 1100)} <= pairs


def test_no_photos_have_no_pairs() -> None:
    assert nearest_by_hash(np.empty(0, np.uint64), np.empty(0, np.int64)).shape == (0, 2)
