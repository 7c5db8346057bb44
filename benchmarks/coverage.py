# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How many fixes lie within 1, 2 and 3 of their standard deviations, before and after the calibration of the map.

    python -m benchmarks.coverage                     all sets and three rendered rooms
    python -m benchmarks.coverage --sets fox,kitti

What a map says of itself comes from its own mapping images. What the package says of all maps was fitted on these very
sets, so that each place is also measured with what the others alone would have given ("without this place").
"""

from __future__ import annotations

import os

for _variable in ('OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'MKL_NUM_THREADS'):
    os.environ.setdefault(_variable, '1')

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

import benchmarks.scenes as scenes
from benchmarks.coverage_fit import Rows, coverage_without, rows_of
from benchmarks.datasets import DATA_SETS, DataSet
from benchmarks.variants import VARIANTS, has_sparse_map
from neumap_ros.features import Extractor, create_extractor
from neumap_ros.localization.calibration import read_calibration
from neumap_ros.localization.localizer import Localizer
from neumap_ros.mapping.build import BuildSettings, build_from_scene
from neumap_ros.mapping.calibration import pose_error
from neumap_ros.maps.storage import open_map
from neumap_ros.simulation.demo_world import make_demo_world

IDEAL = (19.9, 73.9, 97.1)
ROOMS = (7, 8, 9)


def room(seed: int) -> DataSet:
    """A rendered room with 60 mapping and 60 query images, drawn once."""
    folder = scenes.CACHE / f'room{seed}'
    if not (folder / 'poses.json').is_file():
        folder.parent.mkdir(parents=True, exist_ok=True)
        make_demo_world(folder, seed, (640, 480), 60, 60)
    return DataSet(f'room{seed}', str(folder), 'split.json', 'room', True)


def measure(data_set: DataSet, sparse: bool, extractor: Extractor) -> list[dict[str, Any]]:
    """One row for every accepted query of every variant, and one for every accepted held-out image."""
    source, scene = scenes.scene_of(data_set, sparse, extractor)
    with tempfile.TemporaryDirectory(prefix='neumap_coverage_') as folder:
        clock: dict[str, float] = {}
        settings = BuildSettings()
        report = build_from_scene(
            scene, source, extractor, Path(folder) / 'map', settings, lambda stage, done, total: None, clock
        )
        localizer = Localizer(open_map(Path(folder) / 'map'), extractor=extractor)
    calibration, outcome = read_calibration(localizer.manifest), report.calibration
    assert calibration is not None and outcome is not None  # DEFAULT_IMAGES is not 0
    base = {'set': data_set.name, 'place': data_set.place, 'sparse': sparse, **calibration.to_manifest()}
    base |= {'calibration_s': round(clock['calibration'], 1), 'all_s': round(sum(clock.values()), 1)}
    rows = [{**base, 'variant': 'held out', **_row(*fix, calibration.scale(fix[0]))} for fix in outcome.fixes]
    for variant in VARIANTS:
        if has_sparse_map(variant) != sparse:
            continue
        queries = scenes.queries_of(data_set, variant, extractor, localizer.settings.max_keypoints, None)
        for _, camera, truth, features in queries:
            fix = localizer.localize_features(features, camera)
            if fix.T_map_cam is None or fix.covariance_66 is None or truth is None:
                continue
            scale = calibration.scale(fix.evidence)
            error = pose_error(fix.T_map_cam, truth)
            rows.append({**base, 'variant': variant, **_row(fix.evidence, fix.covariance_66 / scale**2, error, scale)})
    return rows


def _row(evidence: Any, solver_66: Any, error_6: Any, scale: float) -> dict[str, Any]:
    """Squared Mahalanobis distances with the solver's covariance, and what scales it."""

    def squared(part: slice) -> float:
        return float(error_6[part] @ np.linalg.solve(solver_66[part, part], error_6[part]))

    return {
        'pose': squared(slice(0, 6)),
        'position': squared(slice(0, 3)),
        'rotation': squared(slice(3, 6)),
        'scale': scale,
        'inliers': evidence.guided_inliers,
        'chance': evidence.chance_inliers,
        'residual_px': evidence.residual_px,
    }


def shares(rows: Rows, scale_Q: Any, key: str = 'position') -> list[float]:
    """Per cent of the rows within 1, 2 and 3 standard deviations."""
    sigmas_Q = np.sqrt(rows[key]) / scale_Q
    return [round(100 * float((sigmas_Q <= k).mean()), 1) for k in (1, 2, 3)]


def summarise(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A line of the table for each set, each place and all."""
    queries = [row for row in rows if row['variant'] != 'held out']
    without = coverage_without(rows)
    lines = []
    groups: dict[str, list[int]] = {}
    for number, row in enumerate(queries):
        for name in (row['set'], 'all'):
            groups.setdefault(name, []).append(number)
    for name, numbers in sorted(groups.items(), key=lambda group: group[0] == 'all'):
        mine = rows_of([queries[n] for n in numbers])
        scale_Q = mine['scale']
        lines.append(
            {
                'set': name,
                'fixes': len(numbers),
                'before': shares(mine, np.ones(len(numbers))),
                'after': shares(mine, scale_Q),
                'without this place': shares(mine, np.array([without[n] for n in numbers])),
                'rotation after': shares(mine, scale_Q, 'rotation'),
                'nees before': round(float(np.median(mine['pose'])) / 5.35, 2),
                'nees after': round(float(np.median(mine['pose'] / scale_Q**2)) / 5.35, 2),
            }
        )
    return lines


def markdown(lines: list[dict[str, Any]], rows: list[dict[str, Any]]) -> str:
    """The tables for people."""

    def cells(values: list[float]) -> str:
        return ' / '.join(f'{v:.0f}' for v in values)

    text = [
        '# Coverage of the covariance',
        '',
        'Per cent of the accepted queries with a position error within 1 / 2 / 3 standard deviations; nominal '
        f'{cells(list(IDEAL))} (three degrees of freedom). Maps of the default kind, dense and sparse; plain, evening '
        'and night images. NEES: median squared Mahalanobis distance of the whole pose, 1 is nominal.',
        '',
        '| set | fixes | before | after | without this place | rotation, after | NEES before | after |',
        '|---|---|---|---|---|---|---|---|',
    ]
    for line in lines:
        text.append(
            f'| {line["set"]} | {line["fixes"]} | {cells(line["before"])} | {cells(line["after"])} | '
            f'{cells(line["without this place"])} | {cells(line["rotation after"])} | {line["nees before"]} | '
            f'{line["nees after"]} |'
        )
    text += ['', '| map | held-out images | noise | shared | calibration, s | build after triangulation, s |']
    text += ['|---|---|---|---|---|---|']
    seen = {(row['set'], row['sparse']): row for row in rows}
    for (name, sparse), row in seen.items():
        text.append(
            f'| {name}{", sparse" if sparse else ""} | {row["images"]} | {row["noise"]} | {row["shared"]} | '
            f'{row["calibration_s"]} | {row["all_s"]} |'
        )
    return '\n'.join(text) + '\n'


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--sets', help='comma-separated, of ' + ', '.join(d.name for d in DATA_SETS) + ', room7 ...')
    parser.add_argument('--summarise', action='store_true', help='only the tables of what is finished')
    parser.add_argument('--out', type=Path, default=scenes.RESULTS / 'coverage.json')
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    extractor = create_extractor('rootsift')
    known = {d.name: d for d in DATA_SETS}
    names = arguments.sets.split(',') if arguments.sets else [*known, *(f'room{seed}' for seed in ROOMS)]
    partial = arguments.out.with_suffix('.partial')
    partial.mkdir(parents=True, exist_ok=True)
    for name in [] if arguments.summarise else names:
        data_set = known.get(name) or room(int(name.removeprefix('room')))
        for sparse in (False, True):
            path = partial / f'{name}-{"sparse" if sparse else "dense"}.json'
            if not path.exists():
                path.write_text(json.dumps(measure(data_set, sparse, extractor)))
                print(path.stem, flush=True)
    rows = [row for path in sorted(partial.glob('*.json')) for row in json.loads(path.read_text())]
    lines = summarise(rows)
    arguments.out.write_text(json.dumps({'ideal': IDEAL, 'sets': lines}, indent=0) + '\n')
    table = markdown(lines, rows)
    arguments.out.with_suffix('.md').write_text(table)
    print(table)


if __name__ == '__main__':
    main()
