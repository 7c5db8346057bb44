# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Queries of every data set against the maps of every other place: how many are accepted? The target is none.

python -m benchmarks.false_accepts             both maps of every set, plain and night queries, 30 a set
python -m benchmarks.false_accepts --queries 0 every query
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from rich.progress import track

from benchmarks.datasets import DATA_SETS
from benchmarks.scenes import RESULTS, queries_of, scene_of
from neumap_ros.features import create_extractor
from neumap_ros.localization.gate import GateSettings, confidence
from neumap_ros.localization.localizer import Localizer
from neumap_ros.mapping.build import BuildSettings, build_from_scene
from neumap_ros.maps.storage import open_map

VARIANTS = ('plain', 'night')
MAPS = {'M=4': BuildSettings(parts=4), '30 kB': BuildSettings(budget_bytes=30_000)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--queries', type=int, default=30, help='at most so many a set, evenly spaced; 0 = all')
    parser.add_argument('--out', type=Path, default=RESULTS / 'false_accepts.json')
    arguments = parser.parse_args()
    extractor = create_extractor('rootsift')
    rows: list[dict[str, Any]] = []
    jobs = [(data_set, label) for data_set in DATA_SETS for label in MAPS]
    for data_set, label in track(jobs, description='maps'):
        source, scene = scene_of(data_set, False, extractor)
        folder = Path(tempfile.mkdtemp(prefix='neumap_benchmark_'))
        try:
            build_from_scene(scene, source, extractor, folder / 'map', MAPS[label], lambda stage, done, total: None, {})
            localizer = Localizer(open_map(folder / 'map'), extractor=extractor)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        for other in DATA_SETS:
            if other.place == data_set.place:
                continue
            accepted, attempts, nearest = 0, 0, 0.0
            for variant in VARIANTS:
                limit = arguments.queries or None
                for _, camera, _, features in queries_of(
                    other, variant, extractor, localizer.settings.max_keypoints, limit
                ):
                    fix = localizer.localize_features(features, camera)
                    attempts += 1
                    accepted += fix.accepted
                    nearest = max(nearest, confidence(fix.evidence))
            rows.append(
                {'map': data_set.name, 'kind': label, 'queries': other.name, 'attempts': attempts,
                 'accepted': accepted, 'largest_confidence': round(nearest, 3)}
            )  # fmt: skip
    total = sum(row['attempts'] for row in rows)
    accepted = sum(row['accepted'] for row in rows)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps({'attempts': total, 'accepted': accepted, 'rows': rows}, indent=0) + '\n')
    for row in rows:
        print(*row.values(), sep='\t')
    largest = max(row['largest_confidence'] for row in rows)
    print(
        f'{accepted} of {total} queries from another place were accepted; the gate asks for a confidence of '
        f'{GateSettings().min_confidence:g}, the largest was {largest:g}'
    )


if __name__ == '__main__':
    main()
