# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Six simulated worlds under four lights, drives with odometry and all sets of photographs: what got better or worse?

    python -m benchmarks.regression --save main             run everything, keep it under a name
    python -m benchmarks.regression --against main          run everything, compare
    python -m benchmarks.regression --subset --against ci   what CI runs, a few minutes, no photographs
    python -m benchmarks.regression --cases 'world-*/night/*' --budget 50kB,250kB,full

An interrupted run goes on where it stopped: a case whose code, pictures and settings did not change is not run again.
The exit code is 1 if something got worse by more than chance or a case failed, and 2 if the suite cannot run.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from datetime import datetime, timezone
from pathlib import Path

from rich.console import Console

from benchmarks.regression.command import Settings, run_suite
from benchmarks.regression.records import read_baseline
from benchmarks.regression.suite import FULL_METHODS, SUBSET_METHODS, choose, full_suite, subset
from benchmarks.scenes import CACHE, RESULTS
from neumap_ros.errors import NeumapError

# Columns of the widest table.
MIN_WIDTH = 180
EXIT_WORSE, EXIT_ERROR, EXIT_INTERRUPTED = 1, 2, 130


def main() -> int:
    parser = argparse.ArgumentParser(
        prog='python -m benchmarks.regression',
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--subset', action='store_true', help='what CI runs: no photographs, five minutes')
    parser.add_argument('--cases', action='append', default=[], metavar='GLOB', help='only these; repeatable')
    parser.add_argument('--budget', help='sizes and kinds of maps, comma-separated; 100kB, of the subset dpqed')
    parser.add_argument('--against', metavar='NAME', help='baseline to compare with, or the path of its file')
    parser.add_argument('--save', metavar='NAME', help='keep this run as a baseline')
    parser.add_argument('--out', type=Path, default=RESULTS / 'regression', help='history, baselines, run folders')
    parser.add_argument('--cache', type=Path, default=CACHE / 'regression', help='worlds and maps')
    parser.add_argument('--jobs', type=int, default=os.cpu_count() or 1, help='scenes at once')
    parser.add_argument('--fresh', action='store_true', help='run finished cases again, maps included')
    parser.add_argument('--list', action='store_true', help='only list the cases')
    arguments = parser.parse_args()
    # Whoever ends this process ends those of the cases too, as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # Narrower tables cannot be read; a log has no width.
    console = Console(width=max(Console().width, MIN_WIDTH))
    try:
        scenes, methods = (subset(), SUBSET_METHODS) if arguments.subset else (full_suite(), FULL_METHODS)
        tasks = choose(scenes, arguments.budget.split(',') if arguments.budget else methods, arguments.cases)
        if arguments.list:
            print('\n'.join(case for task in tasks for case in task.cases))
            return 0
        whole = not arguments.cases and not arguments.budget
        settings = Settings(
            suite=('subset' if arguments.subset else 'full') if whole else 'chosen',
            out=arguments.out,
            cache=arguments.cache,
            jobs=max(1, arguments.jobs),
            fresh=arguments.fresh,
            save=arguments.save,
            baseline=None if arguments.against is None else read_baseline(arguments.against, arguments.out),
            against=arguments.against or '',
        )
        outcome = run_suite(tasks, settings, console, datetime.now(timezone.utc), time.perf_counter)
    except NeumapError as error:
        print(f'error: {error}', file=sys.stderr)
        return EXIT_ERROR
    except KeyboardInterrupt:
        print('interrupted; the same command goes on with the cases that are not finished', file=sys.stderr)
        return EXIT_INTERRUPTED
    return EXIT_WORSE if outcome.is_worse else 0


if __name__ == '__main__':
    sys.exit(main())
