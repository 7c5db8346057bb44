# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Simulated worlds as scenes: mapped by day, asked on another day under four lights, and with queries of another world.

On the other day furniture has moved, posters have changed and people stand about. In some worlds the robot also drives
with its odometry, and is carried elsewhere once: what single images do not show, its tracker, is asked there.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

from benchmarks.regression.digests import RECORDING, decisive_files, digest_files, digest_of
from benchmarks.regression.records import library_versions
from benchmarks.regression.results import ELSEWHERE
from benchmarks.regression.scenes import ChangedSource, Progress, Scene
from benchmarks.regression.trials import DriveTrial, Trial
from neumap_ros.evaluation.run_folder import read_floor
from neumap_ros.evaluation.run_types import Run
from neumap_ros.mapping.sources import ImageSource, open_poses_json
from neumap_ros.simulation.folders import make_folder
from neumap_ros.simulation.posed_images import FLOOR_FILE, make_posed_images
from neumap_ros.simulation.requests import DriveRequest
from neumap_ros.simulation.world_bag import WorldBagSettings, make_world_bag

LIGHTS = ('day', 'evening', 'lamps', 'night')
# Images that are closer together tell a map nothing new, and fail for the same reasons.
MAPPING_SPACING_M, QUERY_SPACING_M = 1.0, 0.7
QUERY_LENGTH_M = 40.0
# Another world lies so far off that none of its poses is right in this one.
FAR_M = 1000.0

# Drives by condition: how they differ from the mapping drive of their world. They take place on another day than the
# single images, so that each tells something of its own. The brief one is for CI.
_DRIVE = DriveRequest(drive='query', day=2, kidnaps=1, rate_hz=4.0, length_m=60.0)
DRIVES = {
    'drive-day': _DRIVE,
    'drive-night': replace(_DRIVE, condition='night'),
    'drive-brief': replace(_DRIVE, condition='night', rate_hz=2.0, length_m=16.0),
}
# Compressed, because a recording of a minute is kept; the pixels are the same.
BAG_SETTINGS = WorldBagSettings(compressed=True)
BAG_NAME = 'bag'


class WorldScene(Scene):
    """A simulated world.

    Args:
        name: of the scene, without ``world-``.
        kind: of world.
        size_m: of the world.
        seed: of the world and of its drives.
        drives: conditions of :data:`DRIVES`.
        other: whose queries by day ask for a place that the map does not know; None: nobody's.
    """

    def __init__(
        self,
        name: str,
        kind: str,
        size_m: tuple[float, float],
        seed: int,
        drives: Sequence[str] = (),
        other: WorldScene | None = None,
    ) -> None:
        self.name = f'world-{name}'
        self.conditions = (*LIGHTS, *drives, *((ELSEWHERE,) if other is not None else ()))
        self._request = DriveRequest(seed=seed, size_m=size_m, kind=kind, spacing_m=MAPPING_SPACING_M)
        self._drives = {drive: replace(DRIVES[drive], seed=seed, size_m=size_m, kind=kind) for drive in drives}
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

    def trial(self, condition: str, cache: Path, progress: Progress) -> Trial:
        """Drives are replayed, all else is images."""
        if condition in DRIVES:
            return DriveTrial(self._record(condition, cache, progress))
        return super().trial(condition, cache, progress)

    def finish(self, run: Run, cache: Path) -> Run:
        """Add the floor plan."""
        return replace(run, floor=read_floor(self._folder(self._request, cache) / FLOOR_FILE))

    def _make(self, request: DriveRequest, cache: Path, progress: Progress) -> Path:
        """Pictures of a drive, from the cache where they were made before."""
        folder = self._folder(request, cache)
        _remove_others(folder)
        word = f'rendering the {request.drive} drive' + (f' ({request.condition})' if request.drive == 'query' else '')
        make_posed_images(request, folder, progress=lambda done, total: progress(word, done, total))
        return folder

    def _record(self, condition: str, cache: Path, progress: Progress) -> Path:
        """The recording of a drive, from the cache where it was made before."""
        request = self._drives[condition]
        # Beside the request, which knows the simulation, how it is recorded decides what is in the recording.
        recording = [digest_files(decisive_files(RECORDING)), library_versions().get('rosbags')]
        key = digest_of([request.to_json()['key'], asdict(BAG_SETTINGS), *recording])
        folder = cache / 'drives' / f'{self.name}-{condition}-{key}'
        _remove_others(folder)

        def fill(work: Path) -> None:
            shutil.rmtree(work / BAG_NAME, ignore_errors=True)  # of somebody who was killed before it got its place
            report = partial(self._report, condition, progress)
            make_world_bag(request, work / BAG_NAME, BAG_SETTINGS, progress=report)

        make_folder(folder, {'key': key}, fill)
        return folder / BAG_NAME

    @staticmethod
    def _report(condition: str, progress: Progress, stage: str, done: int, total: int) -> None:
        progress(f'{condition}: {stage}', done, total)

    def _folder(self, request: DriveRequest, cache: Path) -> Path:
        # The key changes with the code of the simulation.
        return cache / 'worlds' / f'{self.name}-{request.drive}-{request.condition}-{request.to_json()["key"]}'


def _remove_others(folder: Path) -> None:
    """Remove what other code made in place of a folder ``NAME-KEY``, and make room for it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    for old in folder.parent.glob(f'{folder.name.rpartition("-")[0]}-*'):
        if old != folder:
            shutil.rmtree(old, ignore_errors=True)


def world_scenes() -> list[WorldScene]:
    """Six worlds; the first two are small."""
    longer = ('drive-day', 'drive-night')
    plans: list[tuple[str, str, tuple[float, float], int, tuple[str, ...]]] = [
        ('flat', 'building', (14.0, 10.0), 7, ('drive-brief', *longer)),
        ('court', 'square', (16.0, 16.0), 3, longer),
        ('office', 'building', (22.0, 14.0), 1, longer),
        ('hall', 'building', (26.0, 16.0), 4, ()),
        ('plaza', 'square', (28.0, 22.0), 2, ()),
        ('campus', 'mixed', (24.0, 24.0), 6, ()),
    ]
    scenes = [WorldScene(*plan) for plan in plans]
    # Neighbours are asked about each other.
    return [WorldScene(*plan, other=scenes[index ^ 1]) for index, plan in enumerate(plans)]
