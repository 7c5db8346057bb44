# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Sections `soak` and `elsewhere` of the benchmark `nodes`: what must not happen, for as long as it takes."""

from __future__ import annotations

import time

import numpy as np

from benchmarks.node_bags import bag_of, map_of
from benchmarks.node_live import FOUND, health
from benchmarks.node_offline import spread
from benchmarks.node_processes import Platform, Record, Recording, running

MEMORY_PERIOD_S = 10.0
# Memory is looked at after so long, or after a quarter of a shorter run.
WARM_UP_S = 180.0
# Stamps that go back by more are another loop.
BACKWARDS_NS = 500_000_000
_SLACK_NS = 20_000_000


def soak(platform: Platform, name: str, seconds: float) -> Record:
    """Loop a recording with the usual player, so that time goes back at each turn."""
    bag, map_folder = bag_of(name), map_of(name)
    with running(platform, 'one process', {'map.uri': str(map_folder)}, {}, sim_time=True) as run:
        player = run.play(bag, loop=True)
        end = time.monotonic() + seconds
        run.watch(lambda: time.monotonic() > end, min(MEMORY_PERIOD_S, seconds / 20))
        if player.popen.poll() is not None:
            raise RuntimeError(f'the player ended:\n{player.tail()}')
    recording = run.recording
    statuses = recording.of('status')
    return {
        'seconds': round(recording.seconds),
        'attempts': len(statuses),
        'accepted': sum(status['accepted'] for status in statuses),
        **stale(recording),
        **growth(recording),
        'memory_every_s': [(round(s), round(p / 1024, 1)) for s, _, p in recording.memory],
        **health(recording),
    }


def stale(recording: Recording) -> Record:
    """Poses and transforms of a loop that arrive in the next one."""
    events = [(r['at'], kind, r['stamp']) for kind in ('info', 'pose', 'status') for r in recording.of(kind)]
    latest_ns, turned_ns, loops = 0, 0, 0
    late: dict[str, list[float]] = {'pose': [], 'status': []}
    for at_ns, kind, stamp_ns in sorted(events):
        if kind == 'info':
            if stamp_ns < latest_ns - BACKWARDS_NS:
                loops, turned_ns, latest_ns = loops + 1, at_ns, stamp_ns
            latest_ns = max(latest_ns, stamp_ns)
        elif latest_ns and stamp_ns > latest_ns + _SLACK_NS:
            late[kind].append((at_ns - turned_ns) / 1e6)
    return {
        'loops': loops,
        'stale_poses': len(late['pose']),
        'stale_statuses': len(late['status']),
        'stale_ms_after_the_turn': spread(late['pose'] + late['status'], 1),
    }


def growth(recording: Recording) -> Record:
    """A straight line through the memory after the warm-up."""
    seconds = np.array([s for s, _, _ in recording.memory])
    megabytes = np.array([p for _, _, p in recording.memory]) / 1024
    if len(seconds) < 4:
        return {}
    late = seconds >= min(WARM_UP_S, seconds[-1] / 4)
    slope, start = np.polyfit(seconds[late], megabytes[late], 1)
    return {
        'memory_after_warm_up_MB': round(float(start + slope * seconds[late][0]), 1),
        'memory_at_the_end_MB': round(float(start + slope * seconds[-1]), 1),
        'growth_MB_per_hour': round(float(slope * 3600), 2),
        'memory_largest_MB': round(float(megabytes.max()), 1),
    }


def elsewhere(platform: Platform, place: str, images: str, seconds: float) -> Record:
    """Images of another place than the map's."""
    bag, map_folder = bag_of(images), map_of(place)
    with running(platform, 'one process', {'map.uri': str(map_folder)}, {}, tf=True) as run:
        player = run.role('player', bag, seconds)
        run.watch(lambda: player.popen.poll() is not None)
        if player.popen.returncode:
            raise RuntimeError(f'the player ended with {player.popen.returncode}:\n{player.tail()}')
    statuses = run.recording.of('status')
    reasons: dict[str, int] = {}
    for status in statuses:
        reasons[status['reason']] = reasons.get(status['reason'], 0) + 1
    return {
        'seconds': seconds,
        'images': len(run.recording.of('image')),
        'attempts': len(statuses),
        'accepted': sum(status['accepted'] for status in statuses),
        'sent': len(run.recording.of('pose')) + len(run.recording.of('map_odom')),
        # The tracker held these back, because no others agreed.
        'passed_the_gate': sum(status['reason'] in FOUND for status in statuses),
        'reasons': reasons,
        **health(run.recording),
    }
