# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Simulated worlds as scenes: mapped by day, asked on another day under four lights, and with queries of another world.

On the other day furniture has moved, posters have changed and people stand about.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

from benchmarks.regression.results import ELSEWHERE
from benchmarks.regression.scenes import ChangedSource, Progress, Scene
from neumap_ros.evaluation.run_folder import read_floor
from neumap_ros.evaluation.run_types import Run
from neumap_ros.mapping.sources import ImageSource, open_poses_json
from neumap_ros.simulation.posed_images import FLOOR_FILE, make_posed_images
from neumap_ros.simulation.requests import DriveRequest

LIGHTS = ('day', 'evening', 'lamps', 'night')
# Images that are closer together tell a map nothing new, and fail for the same reasons.
MAPPING_SPACING_M, QUERY_SPACING_M = 1.0, 0.7
QUERY_LENGTH_M = 40.0
# Another world lies so far off that none of its poses is right in this one.
FAR_M = 1000.0


class WorldScene(Scene):
    """A simulated world.

    Args:
        name: of the scene, without ``world-``.
        kind: of world.
        size_m: of the world.
        seed: of the world and of its drives.
        other: whose queries by day ask for a place that the map does not know; None: nobody's.
    """

    def __init__(
        self, name: str, kind: str, size_m: tuple[float, float], seed: int, other: WorldScene | None = None
    ) -> None:
        self.name = f'world-{name}'
        self.conditions = (*LIGHTS, *((ELSEWHERE,) if other is not None else ()))
        self._request = DriveRequest(seed=seed, size_m=size_m, kind=kind, spacing_m=MAPPING_SPACING_M)
        self._other = other

    def mapping(self, cache: Path, progress: Progress) -> ImageSource:
        """A drive along every way, by day."""
        return open_poses_json(self._make(self._request, cache, progress))

    def queries(self, condition: str, cache: Path, progress: Progress) -> ImageSource:
        """The same drive of another day under each light."""
        if condition == ELSEWHERE:
            assert self._other is not None
            return ChangedSource.moved(self._other.queries(LIGHTS[0], cache, progress), FAR_M)
        request = replace(
            self._request,
            drive='query',
            day=1,
            condition=condition,
            spacing_m=QUERY_SPACING_M,
            length_m=QUERY_LENGTH_M,
        )
        return open_poses_json(self._make(request, cache, progress))

    def finish(self, run: Run, cache: Path) -> Run:
        """Add the floor plan."""
        return replace(run, floor=read_floor(self._folder(self._request, cache) / FLOOR_FILE))

    def _make(self, request: DriveRequest, cache: Path, progress: Progress) -> Path:
        """Pictures of a drive, from the cache where they were made before."""
        folder = self._folder(request, cache)
        folder.parent.mkdir(parents=True, exist_ok=True)
        for old in folder.parent.glob(f'{folder.name.rpartition("-")[0]}-*'):  # of other code
            if old != folder:
                shutil.rmtree(old, ignore_errors=True)
        word = f'rendering the {request.drive} drive' + (f' ({request.condition})' if request.drive == 'query' else '')
        make_posed_images(request, folder, progress=lambda done, total: progress(word, done, total))
        return folder

    def _folder(self, request: DriveRequest, cache: Path) -> Path:
        # The key changes with the code of the simulation.
        return cache / 'worlds' / f'{self.name}-{request.drive}-{request.condition}-{request.to_json()["key"]}'


def world_scenes() -> list[WorldScene]:
    """Six worlds; the first two are small."""
    plans: list[tuple[str, str, tuple[float, float], int]] = [
        ('flat', 'building', (14.0, 10.0), 7),
        ('court', 'square', (16.0, 16.0), 3),
        ('office', 'building', (22.0, 14.0), 1),
        ('hall', 'building', (26.0, 16.0), 4),
        ('plaza', 'square', (28.0, 22.0), 2),
        ('campus', 'mixed', (24.0, 24.0), 6),
    ]
    scenes = [WorldScene(*plan) for plan in plans]
    # Neighbours are asked about each other.
    return [WorldScene(*plan, other=scenes[index ^ 1]) for index, plan in enumerate(plans)]
