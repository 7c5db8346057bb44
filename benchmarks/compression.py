# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Recall against map bytes: full descriptors, k-means product quantisation, D-PQED; plain and four harder variants.

    python -m benchmarks.compression                     all sets, three seeds, up to 30 queries a set
    python -m benchmarks.compression --queries 0         every query
    python -m benchmarks.compression --sets fox,fountain --seeds 0

Every map is written to disk and read back; bytes are those of the folder. A query without an accepted pose is a failure
and stays in the denominator. An interrupted run goes on where it stopped.
"""

from __future__ import annotations

import os

for _variable in ('OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'MKL_NUM_THREADS'):
    os.environ.setdefault(_variable, '1')  # one job a core: threads that wait for each other cost more than they give

import argparse
import json
import math
import multiprocessing
import platform
import shutil
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.datasets import DATA_SETS, DataSet, by_name
from benchmarks.scenes import RESULTS, queries_of, scene_of
from benchmarks.summary import markdown
from benchmarks.variants import VARIANTS, has_sparse_map
from neumap_ros.errors import NeumapError
from neumap_ros.evaluation.run import evaluate_features
from neumap_ros.evaluation.run_figures import figures
from neumap_ros.features import create_extractor
from neumap_ros.features.basis import load_basis
from neumap_ros.localization.localizer import Localizer, LocalizerSettings
from neumap_ros.mapping.build import BuildSettings, build_from_scene
from neumap_ros.mapping.compression import SceneCompressor
from neumap_ros.maps.storage import open_map
from neumap_ros.memory import keep_freed_memory

CODE_LENGTHS = (2, 4, 8, 16)
# Code lengths that D-PQED has with 4,096 universal centroids too, 12 bits a number.
LARGE_CODE_LENGTHS = (4, 8)
ROWS = 'NEUMAP_BENCHMARK_ROWS'
# Set by --rows and --every-method; environment variables, so that the worker processes see them.
EVERY_METHOD = 'NEUMAP_BENCHMARK_EVERY_METHOD'
BUDGETS_KB = (1000, 250, 100, 50, 30)


@dataclass(frozen=True)
class Method:
    """One row of the table."""

    label: str
    kind: str
    parts: int | None = None
    centroids: int | None = None
    budget_kb: int | None = None


def methods(seed: int) -> list[Method]:
    """What is compared; full descriptors do not depend on the seed, later seeds repeat only the key rows."""
    rows = [Method('full', 'full')] if seed == 0 else []
    for kind in ('pq', 'dpqed'):
        rows += [Method(f'{kind} M={m}', kind, parts=m) for m in CODE_LENGTHS]
        if kind == 'dpqed':
            rows += [Method(f'{kind} M={m} K=4096', kind, m, 4096) for m in LARGE_CODE_LENGTHS]
        rows += [Method(f'{kind} {kb} kB', kind, budget_kb=kb) for kb in BUDGETS_KB]
    chosen = os.environ.get(ROWS)
    if chosen:
        rows = [row for row in rows if (row.budget_kb is not None) == (chosen == 'budgets')]
    if seed != 0 and not os.environ.get(EVERY_METHOD):
        rows = [row for row in rows if row.parts == 4 or row.budget_kb in (100, 30)]
    return rows


def run_job(job: tuple[DataSet, bool, int, int | None]) -> list[dict[str, Any]]:
    """All methods on one map (dense or sparse) of one data set with one seed."""
    data_set, sparse, seed, limit = job
    torch.set_num_threads(1)
    keep_freed_memory()
    extractor = create_extractor('rootsift')
    source, scene = scene_of(data_set, sparse, extractor)
    compressor = SceneCompressor(scene.views, scene.tracks, load_basis('rootsift'), seed)
    settings = LocalizerSettings()
    variants = [variant for variant in VARIANTS if has_sparse_map(variant) == sparse]
    queries = {v: queries_of(data_set, v, extractor, settings.max_keypoints, limit) for v in variants}
    rows = []
    for method in methods(seed):
        build = BuildSettings(
            kind=method.kind,
            parts=method.parts,
            centroids=method.centroids,
            budget_bytes=None if method.budget_kb is None else method.budget_kb * 1000,
            seed=seed,
        )
        folder = Path(tempfile.mkdtemp(prefix='neumap_benchmark_'))
        start = time.perf_counter()
        base = {'set': data_set.name, 'sparse': sparse, 'seed': seed, 'method': method.label}
        try:
            report = build_from_scene(
                scene, source, extractor, folder / 'map', build, _silent, {}, compressor=compressor
            )
            seconds = time.perf_counter() - start
            localizer = Localizer(open_map(folder / 'map'), settings, extractor)
            for variant in variants:
                result = evaluate_features(
                    localizer, queries[variant], metric=data_set.metric, extent=_extent(data_set)
                )
                rows.append({**base, 'variant': variant, **_figures(report, result, seconds)})
        except NeumapError as error:
            rows += [{**base, 'variant': variant, 'error': str(error)} for variant in variants]
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    return rows


def _extent(data_set: DataSet) -> float:
    """Diagonal of the box around all mapping cameras, the same for dense and sparse maps."""
    centres = np.stack([i.T_map_cam.translation_3 for i in data_set.open('map').images if i.T_map_cam is not None])
    return float(np.linalg.norm(np.ptp(centres, axis=0)))


def _figures(report: Any, result: Any, seconds: float) -> dict[str, Any]:
    summary = figures(result)
    middle = '0.25 m, 2 deg' if result.metric else '3 %, 2 deg'
    return {
        'bytes': report.total_bytes,
        'bytes_per_part': report.bytes_per_part,
        'points': report.points_kept,
        'points_found': report.points_found,
        'code': report.manifest.decoder,
        'queries': summary.attempts,
        'median': summary.median_error_m if math.isfinite(summary.median_error_m) else None,
        'median_deg': summary.median_error_deg if math.isfinite(summary.median_error_deg) else None,
        'fine': summary.fine_recall,
        'mid': summary.recall[middle],
        'coarse': summary.coarse_recall,
        'wrong': summary.wrong,
        'right_hypotheses': summary.right_estimates,
        'kept': round(summary.kept * summary.right_estimates) if summary.right_estimates else 0,
        'build_s': round(seconds, 2),
        'query_ms': round(summary.latency_ms['p50'], 1) if summary.attempts else None,
        'within_sigmas': summary.coverage,
        'evidence': [
            {'ok': bool(_is_right(r, result)), 'accepted': r.accepted, **asdict(r.evidence)} for r in result.attempts
        ],
    }


def _is_right(record: Any, result: Any) -> bool:
    limit = 0.5 if result.metric else 0.05 * result.extent
    return bool(record.estimate_error_m <= limit and record.estimate_error_deg <= 5)


def _silent(stage: str, done: int, total: int) -> None:
    """Progress of a build inside a benchmark is nobody's business."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--sets', help='comma-separated, of ' + ', '.join(d.name for d in DATA_SETS))
    parser.add_argument('--seeds', default='0,1,2', help='comma-separated')
    parser.add_argument('--queries', type=int, default=30, help='at most so many a set, evenly spaced; 0 = all')
    parser.add_argument('--jobs', type=int, default=os.cpu_count() or 1, help='processes')
    parser.add_argument('--out', type=Path, default=RESULTS / 'compression.json')
    parser.add_argument('--rows', choices=('codes', 'budgets'), help='only fixed code lengths, or only budgets')
    parser.add_argument('--every-method', action='store_true', help='every row with every seed, not only the key rows')
    parser.add_argument('--summarise', action='store_true', help='only the table of what is finished')
    arguments = parser.parse_args()
    if arguments.rows:
        os.environ[ROWS] = arguments.rows
    if arguments.every_method:
        os.environ[EVERY_METHOD] = '1'
    limit = arguments.queries or None
    seeds = [int(seed) for seed in arguments.seeds.split(',')]
    # Seed by seed, the slow sets first: an interrupted run has whole columns.
    order = sorted(by_name(arguments.sets), key=lambda d: -len(d.open('map').images))
    jobs = [(data_set, sparse, seed, limit) for seed in seeds for data_set in order for sparse in (False, True)]
    partial = arguments.out.with_suffix('.partial')
    partial.mkdir(parents=True, exist_ok=True)
    todo = [job for job in jobs if not _file(partial, job).exists()]
    print(f'{len(jobs)} jobs, {len(jobs) - len(todo)} done before, {arguments.jobs} at once', flush=True)
    if arguments.summarise:
        todo = []
    context = multiprocessing.get_context('spawn')
    start = time.perf_counter()
    with context.Pool(arguments.jobs, maxtasksperchild=1) as pool:
        for done, (job, rows) in enumerate(pool.imap_unordered(_run_named, todo), start=1):
            _file(partial, job).write_text(json.dumps(rows))
            minutes = (time.perf_counter() - start) / 60
            print(f'{done}/{len(todo)} {job[0].name} sparse={job[1]} seed={job[2]} after {minutes:.1f} min', flush=True)
    rows = [row for file in sorted(partial.glob('*.json')) for row in json.loads(file.read_text())]
    machine = {'machine': platform.machine(), 'cores': os.cpu_count(), 'python': platform.python_version()}
    slim = [{k: v for k, v in row.items() if k != 'evidence'} for row in rows]
    arguments.out.write_text(json.dumps({'machine': machine, 'queries': limit, 'rows': slim}, indent=0) + '\n')
    table = markdown(slim)
    arguments.out.with_suffix('.md').write_text(table)
    print(table)


def _run_named(job: tuple[DataSet, bool, int, int | None]) -> tuple[Any, list[dict[str, Any]]]:
    return job, run_job(job)


def _file(partial: Path, job: tuple[DataSet, bool, int, int | None]) -> Path:
    data_set, sparse, seed, limit = job
    rows = os.environ.get(ROWS, 'all')
    return partial / f'{data_set.name}-{"sparse" if sparse else "dense"}-{seed}-{limit or "all"}-{rows}.json'


if __name__ == '__main__':
    main()
