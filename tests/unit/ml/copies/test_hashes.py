"""Near-duplicates are pairs whose perceptual hashes differ in few bits."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageEnhance

from ml.copies.hashes import near_duplicate_pairs, perceptual_hashes


def picture(seed: int) -> Image.Image:
    blocks = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(blocks).resize((96, 96), Image.Resampling.BICUBIC)


def saved_again(image: Image.Image) -> Image.Image:
    content = io.BytesIO()
    ImageEnhance.Brightness(image).enhance(1.2).resize((70, 70)).save(content, "JPEG", quality=60)
    return Image.open(content).resize((96, 96))


def ignore(_done: int, _total: int) -> None:
    pass


def test_finds_only_the_photo_that_was_resized_brightened_and_saved_again() -> None:
    originals = [picture(seed) for seed in range(20)]
    pixels = np.stack([np.asarray(image) for image in (*originals, saved_again(originals[3]))])
    assert near_duplicate_pairs(perceptual_hashes(pixels, ignore)).tolist() == [[3, 20]]


def test_pairs_are_within_the_distance() -> None:
    hashes = np.array([0, 0b111, 0b1111, 2**64 - 1], dtype=np.uint64)
    assert near_duplicate_pairs(hashes, distance=3).tolist() == [[0, 1], [1, 2]]


def test_finds_pairs_across_blocks() -> None:
    hashes = np.random.default_rng(0).integers(0, 2**64, 1200, dtype=np.uint64)
    hashes[[1, 1100]] = hashes[600]
    assert near_duplicate_pairs(hashes, distance=0).tolist() == [[1, 600], [1, 1100], [600, 1100]]


def test_no_photos_have_no_pairs() -> None:
    assert near_duplicate_pairs(np.empty(0, np.uint64)).shape == (0, 2)
