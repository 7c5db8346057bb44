# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Simulated worlds to train on: one drive through each, photographed in several lights."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from neumap_ros.errors import ConfigError
from neumap_ros.simulation.posed_images import make_posed_images
from neumap_ros.simulation.requests import DriveRequest

# Benchmarks and tests use smaller seeds.
SMALLEST_SEED = 1000
IMAGE_SIZE = (480, 360)
# Even seeds are buildings, odd ones squares: kind, size, spacing of the images in metres, lights.
BUILDING = ('building', (20.0, 14.0), 1.0, ('day', 'lamps', 'night'))
SQUARE = ('square', (24.0, 20.0), 2.0, ('day', 'evening'))


def make_worlds(
    seeds: list[int], folder: Path, workers: int, progress: Callable[[str, int, int], None]
) -> list[list[Path]]:
    """Photograph worlds, or find them photographed.

    Args:
        seeds: of the worlds.
        folder: to keep them in.
        workers: processes.
        progress: called with (what, images done, images).

    Returns:
        Of each world its folders, one per light, the clearest first.

    Raises:
        ConfigError: a seed that benchmarks use.
    """
    worlds = []
    folder.mkdir(parents=True, exist_ok=True)
    for seed in seeds:
        if seed < SMALLEST_SEED:
            raise ConfigError(
                f'the world seed {seed} is given, expected at least {SMALLEST_SEED}: smaller ones are for benchmarks'
            )
        kind, size_m, spacing_m, lights = SQUARE if seed % 2 else BUILDING
        folders = []
        for light in lights:
            request = DriveRequest(
                seed=seed,
                size_m=size_m,
                kind=kind,
                condition=light,
                spacing_m=spacing_m,
                image_size=IMAGE_SIZE,
                depth=True,
            )
            out = folder / f'{kind}-{seed}-{light}'
            make_posed_images(request, out, workers=workers, progress=partial(progress, out.name))
            folders.append(out)
        worlds.append(folders)
    return worlds
