# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Milliseconds of an extractor for 1,000 keypoints at 640 x 480, each number of cores in a process of its own.

The best of many runs, wall time and processor time. On a machine with other work even the best wall time is that of the
work, and processor time grows too (shared caches): the load is recorded, and the tables leave out what it spoils.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import Any

from benchmarks.extractor_entries import Entry, by_label, parameters
from benchmarks.extractor_sets import places

KEYPOINTS, WARM_UP = 1000, 3
SIZE = (640, 480)
BATCHES = (1, 4)

Row = dict[str, Any]


def measure(entry: Entry, runs: int) -> Row:
    """Times on one and two cores, and on the GPU where there is one."""
    result: Row = {'extractor': entry.label, 'load': os.getloadavg()[0], 'cores': os.cpu_count()}
    for cores in (1, 2):
        # Fixed when numerical libraries are loaded, so a process each.
        environment = {name: str(cores) for name in ('OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'MKL_NUM_THREADS')}
        command = [sys.executable, '-m', 'benchmarks.extractor_timing', entry.label, str(cores), str(runs)]
        done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f'{" ".join(command)} failed: {done.stderr.strip().splitlines()[-1]}')
        result |= json.loads(done.stdout.splitlines()[-1])
    return result


def _measure_here(entry: Entry, cores: int, runs: int) -> Row:
    import cv2
    import torch

    torch.set_num_threads(cores)
    cv2.setNumThreads(cores)
    (place,) = places('redkitchen')
    source = place.queries('plain', 1)
    image = cv2.resize(source.read(source.images[0]), SIZE)
    extractor = entry.open(threads=cores, device='cpu')
    walls, processors = [], []
    for run in range(WARM_UP + runs):
        wall, processor = time.perf_counter(), time.process_time()
        found = extractor.extract(image, KEYPOINTS)
        if run >= WARM_UP:
            walls.append(time.perf_counter() - wall)
            processors.append(time.process_time() - processor)
    row: Row = {
        f'wall_ms_{cores}': 1e3 * min(walls),
        f'cpu_ms_{cores}': 1e3 * min(processors),
        'keypoints': len(found),
        'descriptor': extractor.info.descriptor_size,
        'parameters': parameters(extractor, entry),
        'file_bytes': entry.path.stat().st_size if entry.path is not None else 0,
    }
    if cores == 1 and torch.cuda.is_available():
        row |= _on_gpu(entry, image, runs)
    return row


def _on_gpu(entry: Entry, image: Any, runs: int) -> Row:
    """Milliseconds per image with the transfers, in batches where the extractor takes them."""
    extractor: Any = entry.open()
    row: Row = {}
    for batch in BATCHES:
        if batch > 1 and not hasattr(extractor, 'extract_batch'):
            continue
        times = []
        for run in range(WARM_UP + 5 * runs):
            start = time.perf_counter()
            if hasattr(extractor, 'extract_batch'):
                extractor.extract_batch([image] * batch, KEYPOINTS)
            else:
                extractor.extract(image, KEYPOINTS)
            if run >= WARM_UP:
                times.append((time.perf_counter() - start) / batch)
        row[f'gpu_ms_{batch}'] = 1e3 * min(times)
    return row


if __name__ == '__main__':
    _label, _cores, _runs = sys.argv[1:]
    print(json.dumps(_measure_here(by_label(_label)[0], int(_cores), int(_runs))))
