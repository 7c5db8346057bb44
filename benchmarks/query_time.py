# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Milliseconds and memory of a query: 1,000 keypoints at 640x480 against a map of 100,000 points.

No data set here has so many points: the scenes of all sets are put side by side, 200 units apart, until there are
100,000. Queries are the kitchen's.

    python -m benchmarks.query_time
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.datasets import DATA_SETS, by_name
from benchmarks.scenes import RESULTS, scene_of
from neumap_ros.features import create_extractor
from neumap_ros.localization.localizer import Localizer, LocalizerSettings
from neumap_ros.mapping.build import BuildSettings, Scene, build_from_scene
from neumap_ros.mapping.compression import CodeSettings
from neumap_ros.mapping.tracks import Tracks
from neumap_ros.maps.storage import open_map

POINTS = 100_000
KEYPOINTS = 1000


def build_large_map(folder: Path, points: int) -> None:
    """Write a map of that many points around the kitchen."""
    extractor = create_extractor('rootsift')
    kitchen = by_name('redkitchen')[0]
    source, scene = scene_of(kitchen, False, extractor)
    views, tracks = list(scene.views), scene.tracks
    place = 0
    others = [d for d in DATA_SETS if d.name not in ('redkitchen', 'hololens')]
    while len(tracks.points_P3) < points:
        _, other = scene_of(others[place % len(others)], False, extractor)
        offset = np.array([200.0 * (place + 1), 0.0, 0.0])
        room = points - len(tracks.points_P3)
        part = other.tracks.select(np.sort(other.ranked_P[:room]))
        tracks = Tracks(
            np.concatenate([tracks.points_P3, part.points_P3 + offset]),
            np.concatenate([tracks.error_px_P, part.error_px_P]),
            np.concatenate([tracks.point_O, part.point_O + len(tracks.points_P3)]),
            np.concatenate([tracks.view_O, part.view_O + len(views)]),
            np.concatenate([tracks.keypoint_O, part.keypoint_O]),
        )
        for view in other.views:
            pose = replace(view.T_map_cam, translation_3=view.T_map_cam.translation_3 + offset)
            views.append(replace(view, T_map_cam=pose, name=f'{place}/{view.name}'))
        place += 1
    large = Scene(views, tracks, np.arange(len(tracks.points_P3)))
    code = CodeSettings('dpqed', 8, scene_codebooks=False, hidden=0)
    build_from_scene(large, source, extractor, folder, BuildSettings(), lambda s, d, t: None, {}, code=code)


def measure(folder: Path) -> None:
    """In a process of its own, so that its memory is that of localizing alone."""
    localizer = Localizer(open_map(folder), replace(LocalizerSettings(), max_keypoints=KEYPOINTS))
    source = by_name('redkitchen')[0].open('query')
    stages: dict[str, list[float]] = {}
    accepted = 0
    images = [(source.read(image), image) for image in source.images[::3]]
    for warm in (True, False):
        for pixels, image in images[: 3 if warm else None]:
            fix = localizer.localize(pixels, image.camera)
            if warm:
                continue
            accepted += fix.accepted and fix.T_map_cam.error_to(image.T_map_cam)[0] < 0.25
            for stage, value in {**fix.timings_ms, 'total': sum(fix.timings_ms.values())}.items():
                stages.setdefault(stage, []).append(value)
    result = {
        'points': sum(region.points for region in localizer.manifest.regions),
        'keypoints': KEYPOINTS,
        'cores': os.cpu_count(),
        'queries': len(images),
        'within_25cm': int(accepted),
        'median_ms': {stage: round(float(np.median(v)), 1) for stage, v in stages.items()},
        'p95_ms': {stage: round(float(np.percentile(v, 95)), 1) for stage, v in stages.items()},
        'peak_memory_MB': _peak_memory_MB(),
    }
    print(json.dumps(result))


def _peak_memory_MB() -> int:
    """Largest resident size of this process; ru_maxrss would include that of the parent before the exec."""
    status = Path('/proc/self/status').read_text()
    return int(next(line for line in status.splitlines() if line.startswith('VmHWM')).split()[1]) // 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--points', type=int, default=POINTS)
    parser.add_argument('--measure', type=Path, help=argparse.SUPPRESS)
    parser.add_argument('--out', type=Path, default=RESULTS / 'query_time.json')
    arguments = parser.parse_args()
    if arguments.measure:
        measure(arguments.measure)
        return
    folder = Path(tempfile.mkdtemp(prefix='neumap_benchmark_'))
    try:
        build_large_map(folder / 'map', arguments.points)
        command = [sys.executable, '-m', 'benchmarks.query_time', '--measure', str(folder / 'map')]
        answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(json.loads(answer), indent=1) + '\n')
    print(arguments.out.read_text())


if __name__ == '__main__':
    main()
