# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which cases there are."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from benchmarks.datasets import DATA_SETS
from benchmarks.regression.results import ELSEWHERE
from benchmarks.regression.scenes import PhotoScene, Scene
from benchmarks.regression.task import Task
from benchmarks.regression.worlds import world_scenes
from neumap_ros.errors import ConfigError

# The search for the best code within a budget takes most of the time of a build: not in five minutes.
FULL_METHODS, SUBSET_METHODS = ('100kB',), ('dpqed',)


# What CI runs: the two small worlds, and a brief drive in that whose map is made sooner.
SUBSET = {
    'world-flat': ('day', 'night', 'drive-brief', ELSEWHERE),
    'world-court': ('day', 'night', ELSEWHERE),
}


def full_suite() -> list[tuple[Scene, tuple[str, ...]]]:
    """All scenes with all their conditions, the worlds and the large sets of photographs first."""
    photos = [PhotoScene(data_set) for data_set in DATA_SETS]
    photos.sort(key=lambda scene: scene.name not in ('photo-hololens', 'photo-hololens-revisit', 'photo-redkitchen'))
    return [(scene, scene.conditions) for scene in (*world_scenes(), *photos)]


def subset() -> list[tuple[Scene, tuple[str, ...]]]:
    """What CI runs: no photographs, five minutes with the rendering."""
    return [(scene, SUBSET[scene.name]) for scene in world_scenes() if scene.name in SUBSET]


def choose(
    scenes: Sequence[tuple[Scene, tuple[str, ...]]], methods: Sequence[str], patterns: Sequence[str]
) -> list[Task]:
    """Tasks whose cases match.

    Args:
        scenes: with their conditions.
        methods: see :class:`Task`.
        patterns: of names of cases, as a shell knows them; none: all. A pattern without a slash is about the scene.

    Raises:
        ConfigError: a pattern matches no case.
    """
    wanted = [pattern if '/' in pattern else f'{pattern}/*' for pattern in patterns] or ['*']
    tasks, matched = [], set()
    for scene, conditions in scenes:
        for method in methods:
            chosen = []
            for condition in conditions:
                hits = {pattern for pattern in wanted if fnmatchcase(f'{scene.name}/{condition}/{method}', pattern)}
                matched |= hits
                if hits:
                    chosen.append(condition)
            if chosen:
                tasks.append(Task(scene, method, tuple(chosen)))
    for pattern in wanted:
        if pattern not in matched:
            raise ConfigError(
                f'no case matches {pattern!r}, expected a pattern of scene/condition/method such as world-*/night/*; '
                '--list shows all names'
            )
    return tasks
