# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Everything the extractor is trained on, read once into memory."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from neumap_ros.training.extractor import TrainData
from neumap_ros.training.extractor_frames import Teacher, read_photographs, read_world
from neumap_ros.training.extractor_pairs import Partners
from neumap_ros.training.extractor_worlds import make_worlds


def read_data(
    images: Path,
    seeds: list[int],
    worlds_folder: Path,
    teacher: Teacher,
    workers: int,
    progress: Callable[[str, int, int], None],
) -> TrainData:
    """Read photographs, make worlds where they are missing, and ask the teacher.

    Args:
        images: folder of photographs.
        seeds: of the worlds.
        worlds_folder: to keep the worlds in.
        teacher: whose descriptors are learned.
        workers: processes that photograph worlds.
        progress: called with (what, done, in all).

    Raises:
        SourceError: too few photographs.
        ConfigError: a seed that benchmarks use.
    """
    photographs, held_out = read_photographs(images, teacher, partial(progress, 'photographs'))
    worlds = []
    for folders in make_worlds(seeds, worlds_folder, workers, progress):
        report = partial(progress, f'teacher looks at {folders[0].name}')
        worlds.append(Partners.of(read_world(folders, teacher, report)))
    return TrainData(photographs, held_out, worlds)
