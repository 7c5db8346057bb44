# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Extractors side by side: recall by day, in the dark, on sparse maps, on small maps; time; false accepts.

    python -m benchmarks.extractors                                      everything that can run here
    python -m benchmarks.extractors --extractors rootsift,xfeat --sets fox,hololens --queries 20
    python -m benchmarks.extractors --time                               milliseconds; leave the machine alone meanwhile
    python -m benchmarks.extractors --summarise                          only the tables of what is finished

Each (extractor, set) is a job of its own; an interrupted run goes on where it stopped. Weights of other people are
looked for below the folder NEUMAP_WEIGHTS; an extractor whose weights are missing is left out with a word.
"""

from __future__ import annotations

import os

for _variable in ('OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'MKL_NUM_THREADS'):
    os.environ.setdefault(_variable, '1')  # one job a core: threads that wait for each other cost more than they give

import argparse
import json
import platform
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks.extractor_entries import ENTRIES, Entry, by_label
from benchmarks.extractor_jobs import run_job
from benchmarks.extractor_sets import PLACES, Place, places
from benchmarks.extractor_tables import markdown
from benchmarks.extractor_timing import measure
from benchmarks.scenes import RESULTS
from neumap_ros.memory import keep_freed_memory

QUERIES, BUDGET_KB, TIMING_RUNS = 30, 100, 20


def main(arguments: Sequence[str] | None = None) -> None:
    given = _parse(arguments)
    torch.set_num_threads(1)
    keep_freed_memory()
    partial = given.out.with_suffix('.partial')
    partial.mkdir(parents=True, exist_ok=True)
    entries = by_label(given.extractors)
    missing = {entry.label: why for entry in entries if (why := entry.missing())}
    for label, why in missing.items():
        print(f'{label} is left out: {why}', flush=True)
    able = [entry for entry in entries if entry.label not in missing]
    if given.time:
        _time(able, partial, given.runs)
    elif not given.summarise:
        _run(able, places(given.sets), given.queries or None, given.budget_kb, partial)
    _summarise(given.out, partial, given.queries or None, given.budget_kb)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--extractors', help='comma-separated, of ' + ', '.join(entry.label for entry in ENTRIES))
    parser.add_argument('--sets', help='comma-separated, of ' + ', '.join(place.name for place in PLACES))
    parser.add_argument(
        '--queries', '--limit', type=int, default=QUERIES, help='at most so many a set, evenly spaced; 0 = all'
    )
    parser.add_argument('--budget-kb', type=int, default=BUDGET_KB, help='of the small maps')
    parser.add_argument('--out', type=Path, default=RESULTS / 'extractors.json')
    parser.add_argument('--time', action='store_true', help='measure milliseconds instead of recall')
    parser.add_argument('--runs', type=int, default=TIMING_RUNS, help='of which the best counts')
    parser.add_argument('--summarise', action='store_true', help='only the tables of what is finished')
    return parser.parse_args(arguments)


def _run(entries: Sequence[Entry], wanted: Sequence[Place], limit: int | None, budget_kb: int, partial: Path) -> None:
    # Set by set: an interrupted run has sets that all extractors share.
    jobs = [(entry, place) for place in wanted for entry in entries]
    todo = [job for job in jobs if not _file(partial, *job, limit, budget_kb).exists()]
    print(f'{len(jobs)} jobs, {len(jobs) - len(todo)} done before', flush=True)
    for number, (entry, place) in enumerate(todo, start=1):
        wall, processor = time.perf_counter(), time.process_time()
        rows = run_job(entry, place, limit, budget_kb)
        seconds = {'wall_s': time.perf_counter() - wall, 'processor_s': time.process_time() - processor}
        path = _file(partial, entry, place, limit, budget_kb)
        path.with_suffix('.new').write_text(json.dumps({'rows': rows, **seconds}))
        path.with_suffix('.new').replace(path)
        print(f'{number}/{len(todo)} {entry.label} on {place.name}: {seconds["processor_s"]:.0f} s', flush=True)


def _time(entries: Sequence[Entry], partial: Path, runs: int) -> None:
    for entry in entries:
        row = measure(entry, runs)
        (partial / f'time-{entry.label}.json').write_text(json.dumps(row))
        print(row, flush=True)


def _file(partial: Path, entry: Entry, place: Place, limit: int | None, budget_kb: int) -> Path:
    return partial / f'{_run_name(limit, budget_kb)}--{place.name}--{entry.label}.json'


def _run_name(limit: int | None, budget_kb: int) -> str:
    return f'{limit or "all"}-{budget_kb}kB'


def _summarise(out: Path, partial: Path, limit: int | None, budget_kb: int) -> None:
    order = {entry.label: number for number, entry in enumerate(ENTRIES)}
    rows: list[dict[str, Any]] = []
    processor_s = 0.0
    for file in sorted(partial.glob(f'{_run_name(limit, budget_kb)}--*.json')):
        job = json.loads(file.read_text())
        rows += job['rows']
        processor_s += job['processor_s']
    rows.sort(key=lambda row: order.get(row['extractor'], len(order)))
    timings = [json.loads(file.read_text()) for file in sorted(partial.glob('time-*.json'))]
    timings.sort(key=lambda row: order.get(row['extractor'], len(order)))
    measured = {row['extractor'] for row in rows}
    facts = {
        'machine': platform.machine(),
        'cores': os.cpu_count(),
        'python': platform.python_version(),
        'torch': torch.__version__,
        'gpu': torch.cuda.get_device_name() if torch.cuda.is_available() else '',
        'queries': limit,
        'budget_kb': budget_kb,
        'processor_s': round(processor_s),
        'missing': {entry.label: why for entry in ENTRIES if entry.label not in measured and (why := _why(entry))},
    }
    out.write_text(json.dumps({**facts, 'rows': rows, 'timings': timings}, indent=0) + '\n')
    table = markdown(rows, timings, facts)
    out.with_suffix('.md').write_text(table)
    print(table)


def _why(entry: Entry) -> str:
    reason = entry.missing()
    if not reason:
        return 'not run yet'
    # Paths of this machine are nobody else's business.
    return f'no weights: {entry.source}' if entry.source else 'no weights ship'


if __name__ == '__main__':
    main()
