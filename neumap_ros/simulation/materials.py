# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Materials of buildings and squares: what walls, floors, doors, boards and signs look like.

Painters as in textures.py: size in metres (width, height), texels per metre and a generator give (H, W, 3) uint8, blue
green red.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from neumap_ros.simulation.textures import (
    WORDS,
    Colour,
    Size,
    Texture,
    canvas,
    noise,
    random_colour,
    shapes,
    to_picture,
    wood,
)

FONT = cv2.FONT_HERSHEY_DUPLEX


def plain(size_m: Size, resolution: float, rng: np.random.Generator, colour: Colour = (215, 220, 222)) -> Texture:
    """A fresh coat of paint: nothing to see on it but the faintest stains."""
    shape = canvas(size_m, resolution)
    return to_picture(np.asarray(colour, dtype=np.float32) + 0.8 * noise(shape, [(resolution,) * 2], rng)[..., None])


def plaster(size_m: Size, resolution: float, rng: np.random.Generator, colour: Colour = (200, 208, 212)) -> Texture:
    """A painted wall that has been lived with: grain, stains, scratches, and a skirting board."""
    shape = canvas(size_m, resolution)
    cells = [(s * resolution, s * resolution) for s in (1.2, 0.35, 0.1, 0.045, 0.02)]
    picture = np.asarray(colour, dtype=np.float32) + 7.5 * noise(shape, cells, rng)[..., None]
    grain = rng.standard_normal(shape, dtype=np.float32)
    stains = noise(shape, [(0.07 * resolution,) * 2, (0.2 * resolution,) * 2], rng) > 1.9
    picture = to_picture(picture + 4.0 * grain[..., None] - 16 * stains[..., None])
    _marks(picture, resolution, rng, per_square_metre=14)
    skirting = max(1, round(0.09 * resolution))
    picture[-skirting:] = (0.45 * picture[-skirting:]).astype(np.uint8)
    return picture


def concrete(size_m: Size, resolution: float, rng: np.random.Generator, colour: Colour = (150, 155, 158)) -> Texture:
    """Concrete with pores, stains and the joints of its formwork."""
    shape = canvas(size_m, resolution)
    cells = [(s * resolution, s * resolution) for s in (1.5, 0.4, 0.12, 0.04, 0.02)]
    picture = np.asarray(colour, dtype=np.float32) + 9 * noise(shape, cells, rng)[..., None]
    pores = noise(shape, [(0.025 * resolution,) * 2], rng) > 2.2
    picture[pores] *= 0.6
    joint = max(1, round(0.012 * resolution))
    step = max(8, round(1.25 * resolution))
    for start in range(step, shape[1], step):
        picture[:, start : start + joint] *= 0.72
    result = to_picture(picture)
    _marks(result, resolution, rng, per_square_metre=2)
    return result


def brick(size_m: Size, resolution: float, rng: np.random.Generator, colour: Colour = (70, 85, 150)) -> Texture:
    """Bricks of 24 x 7 cm in a running bond, each in its own tone."""
    rows, columns = canvas(size_m, resolution)
    y = np.arange(rows)[:, None] / resolution
    x = np.arange(columns)[None, :] / resolution
    course = (y / 0.083).astype(int)
    along = x + 0.125 * (course % 2)
    stone = (along / 0.25).astype(int)
    tone = rng.normal(1, 0.14, (course.max() + 1, stone.max() + 1)).astype(np.float32)
    picture = np.asarray(colour, dtype=np.float32) * tone[course, stone][..., None]
    picture *= 1 + 0.07 * noise((rows, columns), [(0.02 * resolution,) * 2, (0.6 * resolution,) * 2], rng)[..., None]
    joint = (y % 0.083 < 0.012) | (along % 0.25 < 0.012)
    mortar = 150 + 10 * rng.standard_normal((rows, columns), dtype=np.float32)
    picture = np.where(joint[..., None], mortar[..., None], picture)
    return to_picture(picture)


def carpet(size_m: Size, resolution: float, rng: np.random.Generator, colour: Colour | None = None) -> Texture:
    """A carpet: grain, faint larger clouds, worn paths and a few spots."""
    shape = canvas(size_m, resolution)
    base = np.asarray(colour if colour is not None else rng.uniform(60, 130, 3), dtype=np.float32)
    clouds = noise(shape, [(s * resolution, s * resolution) for s in (1.5, 0.5, 0.15, 0.06)], rng)
    grain = rng.standard_normal(shape, dtype=np.float32)
    picture = base + 9 * clouds[..., None] + 11 * grain[..., None]
    spots = noise(shape, [(0.07 * resolution,) * 2, (0.03 * resolution,) * 2], rng) > 2.2
    picture[spots] *= 0.75
    return to_picture(picture)


def parquet(size_m: Size, resolution: float, rng: np.random.Generator, colour: Colour = (80, 125, 170)) -> Texture:
    """Boards of 12 cm, each with its own tone, staggered."""
    rows, columns = canvas(size_m, resolution)
    grain = wood(size_m, resolution, rng, colour).astype(np.float32)
    y = np.arange(rows)[:, None] / resolution
    x = np.arange(columns)[None, :] / resolution
    board = (y / 0.12).astype(int)
    shift = rng.uniform(0, 1.4, board.max() + 1)[board]
    piece = ((x + shift) / 1.4).astype(int)
    tone = rng.normal(1, 0.1, (board.max() + 1, piece.max() + 1)).astype(np.float32)
    grain *= tone[board, piece][..., None]
    edge = (y % 0.12 < 0.006) | ((x + shift) % 1.4 < 0.006)
    grain[edge] *= 0.55
    return to_picture(grain)


def ceiling(size_m: Size, resolution: float, rng: np.random.Generator) -> Texture:
    """Acoustic tiles of 60 cm."""
    rows, columns = canvas(size_m, resolution)
    picture = 212 + 3 * noise((rows, columns), [(0.05 * resolution,) * 2, (0.02 * resolution,) * 2], rng)
    step, joint = max(4, round(0.6 * resolution)), max(1, round(0.015 * resolution))
    picture[(np.arange(rows) % step) < joint] *= 0.82
    picture[:, (np.arange(columns) % step) < joint] *= 0.82
    return to_picture(picture[..., None] * np.ones(3, dtype=np.float32))


def paving(size_m: Size, resolution: float, rng: np.random.Generator) -> Texture:
    """Stone slabs of 40 cm in several tones, with moss in the joints, stains and chewing gum."""
    rows, columns = canvas(size_m, resolution)
    y, x = np.arange(rows)[:, None] / resolution, np.arange(columns)[None, :] / resolution
    course = (y / 0.4).astype(int)
    along = x + 0.2 * (course % 2)
    slab = (along / 0.4).astype(int)
    tone = rng.normal(1, 0.07, (course.max() + 1, slab.max() + 1)).astype(np.float32)
    cells = [(s * resolution, s * resolution) for s in (3.0, 0.8, 0.2, 0.05)]
    stone = 142 * tone[course, slab] + 8 * noise((rows, columns), cells, rng)
    stone += 5 * rng.standard_normal((rows, columns), dtype=np.float32)
    picture = stone[..., None] * np.array([0.95, 0.99, 1.0], dtype=np.float32)
    joint = (y % 0.4 < 0.018) | (along % 0.4 < 0.018)
    picture[joint] = picture[joint] * np.array([0.45, 0.6, 0.5], dtype=np.float32)
    spots = noise((rows, columns), [(0.06 * resolution,) * 2, (0.03 * resolution,) * 2], rng) > 2.1
    picture[spots] *= 0.68
    return to_picture(picture)


def ground(size_m: Size, resolution: float, rng: np.random.Generator) -> Texture:
    """Grass and gravel, seen from far away."""
    shape = canvas(size_m, resolution)
    mix = noise(shape, [(s * resolution, s * resolution) for s in (9, 3, 1)], rng)[..., None] > 0.2
    grass = (
        np.array([45, 92, 72], dtype=np.float32)
        + 14 * noise(shape, [(0.3 * resolution,) * 2, (2.0, 2.0)], rng)[..., None]
    )
    gravel = np.array([110, 122, 130], dtype=np.float32) + 16 * rng.standard_normal((*shape, 1), dtype=np.float32)
    return to_picture(np.where(mix, grass, gravel))


def door(size_m: Size, resolution: float, rng: np.random.Generator, colour: Colour = (95, 130, 160)) -> Texture:
    """A door leaf with frame, panels and a handle."""
    picture = wood((size_m[1], size_m[0]), resolution, rng, colour).transpose(1, 0, 2).copy()
    picture = np.asarray(cv2.GaussianBlur(picture, (3, 3), 0), dtype=np.uint8)
    rows, columns = picture.shape[:2]
    edge = max(1, round(0.03 * resolution))
    cv2.rectangle(picture, (0, 0), (columns - 1, rows - 1), tuple(0.6 * c for c in colour), edge)
    for low, high in ((0.08, 0.46), (0.54, 0.94)):
        corners = (round(0.16 * columns), round(low * rows)), (round(0.84 * columns), round(high * rows))
        cv2.rectangle(picture, *corners, tuple(0.72 * c for c in colour), max(1, edge // 2), cv2.LINE_AA)
    x, y = round(0.9 * columns), round(0.5 * rows)
    cv2.rectangle(picture, (x - round(0.1 * resolution), y), (x, y + max(1, edge // 2)), (205, 205, 205), -1)
    cv2.circle(picture, (x, y + round(0.08 * resolution)), max(1, edge // 3), (30, 30, 30), -1)
    return picture


def board(size_m: Size, resolution: float, rng: np.random.Generator) -> Texture:
    """A whiteboard with writing, arrows and boxes."""
    rows, columns = canvas(size_m, resolution)
    picture = np.full((rows, columns, 3), (232, 234, 234), dtype=np.uint8)
    inks = ((160, 40, 30), (40, 40, 190), (50, 120, 30), (40, 40, 40))
    for _ in range(round(5 * size_m[0] * size_m[1])):
        ink = inks[rng.integers(len(inks))]
        x, y = int(rng.uniform(0.05, 0.75) * columns), int(rng.uniform(0.12, 0.9) * rows)
        kind = rng.integers(3)
        if kind == 0:
            write(picture, str(rng.choice(WORDS)).lower(), (x, y), 0.055 * resolution, ink)
        elif kind == 1:
            width, height = int(rng.uniform(0.1, 0.35) * resolution), int(rng.uniform(0.06, 0.2) * resolution)
            cv2.rectangle(picture, (x, y), (x + width, y + height), ink, 1, cv2.LINE_AA)
        else:
            end = (x + int(rng.uniform(-0.4, 0.4) * resolution), y + int(rng.uniform(-0.3, 0.3) * resolution))
            cv2.arrowedLine(picture, (x, y), end, ink, 1, cv2.LINE_AA)
    cv2.rectangle(picture, (0, 0), (columns - 1, rows - 1), (120, 120, 120), max(1, round(0.025 * resolution)))
    return picture


def notices(size_m: Size, resolution: float, rng: np.random.Generator) -> Texture:
    """A cork board with sheets of paper."""
    shape = canvas(size_m, resolution)
    picture = to_picture(
        np.array([85, 130, 170], dtype=np.float32) + 14 * rng.standard_normal((*shape, 1), dtype=np.float32)
    )
    for _ in range(round(9 * size_m[0] * size_m[1])):
        width, height = (round(s * resolution) for s in ((0.21, 0.297) if rng.random() < 0.6 else (0.15, 0.1)))
        x, y = int(rng.integers(0, max(1, shape[1] - width))), int(rng.integers(0, max(1, shape[0] - height)))
        paper = picture[y : y + height, x : x + width]
        paper[:] = random_colour(rng, 185, 250)
        ink = random_colour(rng, 0, 110)
        for line in range(round(0.2 * height), height - 2, max(3, round(0.02 * resolution))):
            end = int(rng.uniform(0.4, 0.9) * paper.shape[1])
            paper[line : line + max(1, round(0.007 * resolution)), round(0.1 * width) : end] = ink
    cv2.rectangle(picture, (0, 0), (shape[1] - 1, shape[0] - 1), (45, 70, 100), max(1, round(0.03 * resolution)))
    return picture


def sign(text: str, ink: Sequence[int] = (40, 35, 30), paper: Sequence[int] = (235, 235, 230)) -> Texture:
    """A plate with a text on it, 4 : 1 or whatever the text needs."""
    (width, height), _ = cv2.getTextSize(text, FONT, 1.5, 3)
    picture = np.empty((height + 40, width + 60, 3), dtype=np.uint8)
    picture[:] = tuple(paper)
    cv2.putText(picture, text, (30, height + 20), FONT, 1.5, tuple(ink), 3, cv2.LINE_AA)
    cv2.rectangle(picture, (0, 0), (picture.shape[1] - 1, picture.shape[0] - 1), tuple(ink), 3)
    return picture


def write(picture: Texture, text: str, at: tuple[int, int], height: float, ink: Sequence[int]) -> None:
    """Write a text with letters so many texels high."""
    scale = float(height) / 22
    cv2.putText(picture, text, at, FONT, scale, tuple(ink), max(1, round(1.5 * scale)), cv2.LINE_AA)


def _marks(picture: NDArray[np.uint8], resolution: float, rng: np.random.Generator, per_square_metre: float) -> None:
    """Scratches, scuffs and holes of old nails."""
    rows, columns = picture.shape[:2]
    for _ in range(round(per_square_metre * rows * columns / resolution**2)):
        x, y = int(rng.integers(columns)), int(rng.integers(rows))
        tone = tuple(float(v) for v in 0.75 * picture[y, x])
        if rng.random() < 0.5:
            end = (x + int(rng.normal(0, 0.12) * resolution), y + int(rng.normal(0, 0.05) * resolution))
            cv2.line(picture, (x, y), end, tone, 1, cv2.LINE_AA)
        else:
            cv2.circle(picture, (x, y), max(1, round(rng.uniform(0.004, 0.015) * resolution)), tone, -1, cv2.LINE_AA)


__all__ = [
    'board',
    'brick',
    'carpet',
    'ceiling',
    'concrete',
    'door',
    'ground',
    'notices',
    'parquet',
    'plain',
    'plaster',
    'shapes',
    'sign',
    'write',
]
