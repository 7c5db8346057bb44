# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The nodes end to end: recordings of real photographs through real topics to nodes in processes of their own.

On rosless, or on ROS 2 with its environment sourced; figures of both are kept side by side in the same file.

    python -m benchmarks.nodes                                  # everything, about an hour
    python -m benchmarks.nodes --only live,soak --seconds 30    # a short trial
    . /opt/ros/jazzy/setup.sh; . install/setup.sh; python3 -m benchmarks.nodes --ros2
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from benchmarks.node_endurance import elsewhere, soak
from benchmarks.node_live import live, odometry
from benchmarks.node_processes import Platform, Record
from benchmarks.node_report import markdown, table
from benchmarks.node_switches import switches
from benchmarks.scenes import RESULTS

SETS = ('redkitchen', 'hololens', 'hololens-revisit')
LAYOUTS = ('one process', 'two processes')
PLACES = (('redkitchen', 'hololens'), ('hololens', 'redkitchen'))
SECONDS = {'live': 60.0, 'odometry': 60.0, 'soak': 1200.0, 'elsewhere': 300.0}

Measure = Callable[[Platform], Record]


def measures(arguments: argparse.Namespace) -> dict[str, dict[str, Measure]]:
    """What is measured: sections, and the cases of each."""

    def seconds(section: str) -> float:
        return float(arguments.seconds or SECONDS[section])

    sets = arguments.sets.split(',')
    places = {f'images of {images}, map of {place}': (place, images) for place, images in PLACES}
    return {
        'live': {
            f'{name}, {layout}': partial(live, name=name, layout=layout, seconds=seconds('live'))
            for name in sets
            for layout in LAYOUTS
        },
        'odometry': {
            name: partial(odometry, name=name, seconds=seconds('odometry'), seeds=range(arguments.drives))
            for name in sets
        },
        'switches': {layout: partial(switches, layout=layout, count=arguments.switches) for layout in LAYOUTS},
        'soak': {sets[0]: partial(soak, name=sets[0], seconds=seconds('soak'))},
        'elsewhere': {
            case: partial(elsewhere, place=place, images=images, seconds=seconds('elsewhere'))
            for case, (place, images) in places.items()
        },
    }


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--ros2', action='store_true', help='on ROS 2 instead of rosless')
    parser.add_argument('--only', help='comma-separated, of live, odometry, switches, soak, elsewhere')
    parser.add_argument('--seconds', type=float, help='of playing in each case, instead of the full length')
    parser.add_argument('--switches', type=int, default=100, help='of the map')
    parser.add_argument('--drives', type=int, default=3, help='with another drift each')
    parser.add_argument('--sets', default=','.join(SETS), help='comma-separated data sets')
    parser.add_argument('--case', help='only cases whose name contains this')
    parser.add_argument('--out', type=Path, default=RESULTS / 'nodes.json', help='a .md file is written beside it')
    arguments = parser.parse_args(argv)
    os.environ.setdefault('ROS_DOMAIN_ID', str(1 + os.getpid() % 100))
    os.environ.setdefault('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
    # So that the nodes are ended when the benchmark is.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    platform = Platform(arguments.ros2)
    results = json.loads(arguments.out.read_text()) if arguments.out.exists() else {}
    figures = results.setdefault(platform.name, {})
    sections = measures(arguments)
    wanted = arguments.only.split(',') if arguments.only else list(sections)
    if unknown := sorted(set(wanted) - set(sections)):
        parser.error(f'there is no section {unknown[0]!r}, expected some of {", ".join(sections)}')
    for section in wanted:
        for case, measure in sections[section].items():
            if arguments.case and arguments.case not in case:
                continue
            print(f'{platform.name}: {section}: {case}', file=sys.stderr, flush=True)
            figures.setdefault(section, {})[case] = measure(platform)
            arguments.out.parent.mkdir(parents=True, exist_ok=True)
            arguments.out.write_text(json.dumps(results, indent=1) + '\n')
            arguments.out.with_suffix('.md').write_text(markdown(results))
    print(table(results))


if __name__ == '__main__':
    main()
