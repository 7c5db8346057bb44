# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Procedural surfaces: plaster, tiles, wood, cardboard, books and posters, all drawn from a random generator.

Every function takes the size in metres (width, height), the resolution in texels per metre and a generator, and
returns a picture (H, W, 3), uint8, blue green red.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

Texture = NDArray[np.uint8]
Colour = Sequence[float]
Size = tuple[float, float]
Painter = Callable[[Size, float, np.random.Generator], Texture]

WORDS = ('ATLAS', 'HARBOUR', 'MERIDIAN', 'QUARTZ', 'LANTERN', 'VOYAGE', 'SIGNAL', 'ORCHARD', 'COMPASS', 'GRANITE')


def canvas(size_m: Size, resolution: float) -> tuple[int, int]:
    """Rows and columns of a picture."""
    return max(8, round(size_m[1] * resolution)), max(8, round(size_m[0] * resolution))


def noise(
    shape: tuple[int, int], cells: Sequence[tuple[float, float]], rng: np.random.Generator
) -> NDArray[np.float32]:
    """Zero-mean noise (H, W) whose grains have the given sizes (columns, rows) in texels; unit variance per size."""
    rows, columns = shape
    total = np.zeros(shape, dtype=np.float32)
    for width, height in cells:
        grid = (max(2, round(rows / max(height, 1)) + 1), max(2, round(columns / max(width, 1)) + 1))
        grains = rng.standard_normal(grid, dtype=np.float32)
        total += cv2.resize(grains, (columns, rows), interpolation=cv2.INTER_CUBIC)
    return total / np.float32(np.sqrt(max(1, len(cells))))


def to_picture(values: NDArray[np.float32]) -> Texture:
    """Round and clip to 8 bits."""
    return np.clip(values, 0, 255).astype(np.uint8)


def random_colour(rng: np.random.Generator, low: int = 20, high: int = 235) -> tuple[int, int, int]:
    """Blue, green and red between two values."""
    blue, green, red = rng.integers(low, high, 3)
    return int(blue), int(green), int(red)


def speckled(
    size_m: Size, resolution: float, rng: np.random.Generator, colour: Colour = (190, 200, 205), contrast: float = 20
) -> Texture:
    """Plaster, concrete or fabric: noise from a metre down to a few texels, and stains with sharp borders."""
    shape = canvas(size_m, resolution)
    cells = [(s * resolution, s * resolution) for s in (1.0, 0.3, 0.1, 0.04, 0.016)]
    picture = np.asarray(colour, dtype=np.float32) + contrast * noise(shape, cells, rng)[..., None]
    stains = noise(shape, [(0.05 * resolution,) * 2, (0.15 * resolution,) * 2], rng) > 1.6
    return to_picture(picture - 2.2 * contrast * stains[..., None])


def shapes(picture: Texture, resolution: float, rng: np.random.Generator, per_square_metre: float = 12) -> Texture:
    """Scatter polygons, rings and strokes of 3 to 25 cm over a picture; the picture itself is changed."""
    rows, columns = picture.shape[:2]
    for _ in range(round(per_square_metre * rows * columns / resolution**2)):
        centre = rng.uniform((0, 0), (columns, rows))
        radius = rng.uniform(0.015, 0.12) * resolution
        colour = random_colour(rng)
        angles = np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(3, 7))))
        outline = centre + radius * np.column_stack([np.cos(angles), np.sin(angles)])
        kind = rng.integers(3)
        if kind == 0:
            cv2.fillPoly(picture, [np.rint(outline * 16).astype(np.int32)], colour, cv2.LINE_AA, 4)
        elif kind == 1:
            x, y = np.rint(centre).astype(int).tolist()
            cv2.circle(picture, (x, y), max(2, round(radius / 2)), colour, max(1, round(radius / 6)), cv2.LINE_AA)
        else:
            width = max(1, round(radius / 8))
            cv2.polylines(picture, [np.rint(outline * 16).astype(np.int32)], False, colour, width, cv2.LINE_AA, 4)
    return picture


def tiles(size_m: Size, resolution: float, rng: np.random.Generator, tile_m: float = 0.5) -> Texture:
    """A floor of equal tiles in two tones with dark joints, worn differently in every place."""
    picture = speckled(size_m, resolution, rng, (120, 135, 150), 13).astype(np.float32)
    rows, columns = picture.shape[:2]
    tile = max(4, round(tile_m * resolution))
    row, column = np.arange(rows)[:, None], np.arange(columns)[None, :]
    picture += 14 * np.where((row // tile + column // tile) % 2, 1, -1)[..., None]
    joint = max(1, round(0.012 * resolution))
    picture[(row % tile < joint) | (column % tile < joint)] *= 0.55
    return to_picture(picture)


def wood(size_m: Size, resolution: float, rng: np.random.Generator, colour: Colour = (70, 115, 165)) -> Texture:
    """Boards with long grain and a few knots."""
    shape = canvas(size_m, resolution)
    grain = noise(shape, [(0.6 * resolution, 0.008 * resolution), (0.25 * resolution, 0.03 * resolution)], rng)
    picture = to_picture(np.asarray(colour, dtype=np.float32) * (1 + 0.14 * grain[..., None]))
    for _ in range(round(10 * shape[0] * shape[1] / resolution**2)):
        x, y = int(rng.integers(shape[1])), int(rng.integers(shape[0]))
        axes = (max(2, round(0.022 * resolution)), max(1, round(0.012 * resolution)))
        cv2.ellipse(picture, (x, y), axes, 0, 0, 360, (25, 45, 70), -1, cv2.LINE_AA)
    return picture


def cardboard(size_m: Size, resolution: float, rng: np.random.Generator) -> Texture:
    """The side of a parcel: tape, a label with words and a bar code."""
    picture = speckled(size_m, resolution, rng, (95, 140, 180), 9)
    rows, columns = picture.shape[:2]
    tape = max(1, columns // 12)
    picture[:, columns // 2 - tape // 2 : columns // 2 + tape // 2 + 1] = (140, 175, 195)
    top, left = round(0.18 * rows), round(0.08 * columns)
    label = picture[top : top + max(4, rows // 2), left : left + max(4, round(0.36 * columns))]
    label[:] = 235
    bars = rng.random(label.shape[1]) < 0.5
    label[: max(1, label.shape[0] // 3), bars] = 30
    _words(label, label.shape[0] // 2, max(2, label.shape[0] // 7), rng, (40, 30, 30))
    return picture


def books(size_m: Size, resolution: float, rng: np.random.Generator) -> Texture:
    """A shelf with two boards of book backs."""
    picture = wood(size_m, resolution, rng, (45, 70, 100))
    rows, columns = picture.shape[:2]
    for board in range(2):
        bottom = (board + 1) * rows // 2 - max(1, rows // 40)
        left = max(1, columns // 60)
        while left < columns - columns // 30:
            right = min(columns - columns // 60, left + max(3, round(rng.uniform(0.02, 0.055) * resolution)))
            top = bottom - round(rng.uniform(0.30, 0.45) * rows)
            back = picture[top:bottom, left:right]
            back[:] = random_colour(rng)
            for band in rng.uniform(0.1, 0.9, 3):
                row = int(band * len(back))
                back[row : row + max(1, rows // 60)] = random_colour(rng)
            left = right + 1
    return picture


def poster(size_m: Size, resolution: float, rng: np.random.Generator) -> Texture:
    """A printed sheet: border, headline, a picture of shapes and lines of text."""
    rows, columns = canvas(size_m, resolution)
    picture = np.empty((rows, columns, 3), dtype=np.uint8)
    picture[:] = random_colour(rng, 150, 250)
    ink = random_colour(rng, 0, 90)
    border = max(1, round(0.03 * min(rows, columns)))
    cv2.rectangle(picture, (border, border), (columns - 1 - border, rows - 1 - border), ink, border)
    _words(picture, round(0.2 * rows), max(3, round(0.1 * rows)), rng, ink, count=1)
    frame = picture[round(0.26 * rows) : round(0.68 * rows), 3 * border : columns - 3 * border]
    art = np.ascontiguousarray(frame)
    art[:] = random_colour(rng, 60, 200)
    frame[:] = shapes(art, resolution, rng, per_square_metre=160)
    for line in np.linspace(0.76, 0.93, 4):
        _words(picture, round(line * rows), max(2, round(0.035 * rows)), rng, ink)
    return picture


def _words(
    picture: Texture, baseline: int, height: int, rng: np.random.Generator, ink: tuple[int, int, int], count: int = 3
) -> None:
    """Write words from the left, letters ``height`` texels high, squeezed to the width of the picture."""
    text = ' '.join(rng.choice(WORDS, count)) + f' {rng.integers(10, 99)}'
    margin = picture.shape[1] // 12
    font = cv2.FONT_HERSHEY_DUPLEX
    (width, natural), _ = cv2.getTextSize(text, font, 1.0, 1)
    scale = min(height / natural, (picture.shape[1] - 2 * margin) / width)
    sheet = np.ascontiguousarray(picture)
    cv2.putText(sheet, text, (margin, baseline), font, scale, ink, max(1, round(1.6 * scale)), cv2.LINE_AA)
    picture[:] = sheet
