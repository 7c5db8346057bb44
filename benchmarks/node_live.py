# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Sections `live` and `odometry` of the benchmark `nodes`: poses, latency, cost and accuracy at 15 Hz in real time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from benchmarks.node_bags import bag_of, long_bag_of, map_of
from benchmarks.node_offline import (
    Offline,
    Truth,
    accuracy,
    compare,
    errors_against,
    localize_offline,
    pose_of,
    spread,
)
from benchmarks.node_processes import Platform, Record, Recording, running
from neumap_ros.localization.tracker import TrackerSettings

# The fix passed the gate; the tracker may have held it back.
FOUND = ('ok', 'confirming', 'inconsistent_with_odometry')
STAGES = ('features_ms', 'retrieval_ms', 'matching_ms', 'solving_ms')


def live(platform: Platform, name: str, layout: str, seconds: float) -> Record:
    """Play a recording to the nodes and hold what they say against the library."""
    bag, map_folder = bag_of(name), map_of(name)
    offline = localize_offline(bag, map_folder)
    with running(platform, layout, {'map.uri': str(map_folder)}, {}) as run:
        player = run.role('player', bag, seconds)
        run.watch(lambda: player.popen.poll() is not None)
        code = player.popen.returncode
        if code:
            raise RuntimeError(f'the player ended with {code}:\n{player.tail()}')
    return {**poses(run.recording, offline, bag), **costs(run.recording, offline), **health(run.recording)}


def poses(recording: Recording, offline: Offline, bag: Path) -> Record:
    """Which images have a pose, and whether it is that of the library."""
    index_of = {record['stamp']: record['index'] for record in recording.of('image')}
    statuses = [s for s in recording.of('status') if s['stamp'] in index_of]
    counts = {'both': 0, 'held back by the tracker': 0, 'library only': 0, 'node only': 0, 'neither': 0}
    pairs = []
    truth = Truth(bag).poses
    errors: tuple[list[tuple[float, float]], list[tuple[float, float]]] = ([], [])
    for status in statuses:
        expected = offline.fixes[index_of[status['stamp']]].T_map_base
        found = status['reason'] in FOUND
        if expected is not None and found:
            counts['both' if status['accepted'] else 'held back by the tracker'] += 1
            pairs.append((pose_of(status['pose']), expected))
            for pose, found_errors in zip(pairs[-1], errors, strict=True):
                found_errors.append(pose.error_to(truth[index_of[status['stamp']]]))
        elif expected is not None or found:
            counts['node only' if found else 'library only'] += 1
        else:
            counts['neither'] += 1
    reasons: dict[str, int] = {}
    for status in statuses:
        reasons[status['reason']] = reasons.get(status['reason'], 0) + 1
    return {
        'images_of_the_bag': len(offline.fixes),
        'library_accepts': offline.accepted,
        'images': len(recording.of('image')),
        'attempts': len(statuses),
        'dropped': sum(status['dropped_images'] for status in statuses),
        'poses': len(recording.of('pose')),
        'accepted': sum(status['accepted'] for status in statuses),
        'reasons': reasons,
        'by_image': counts,
        **compare(pairs).figures(),
        'error_of_nodes': accuracy(errors[0]),
        'error_of_library': accuracy(errors[1]),
    }


def costs(recording: Recording, offline: Offline) -> Record:
    """Latency, what the node adds to the library, memory and processor time."""
    sent = {record['stamp']: record for record in recording.of('image')}
    statuses = {s['stamp']: s for s in recording.of('status') if s['stamp'] in sent}
    inside, around, slower = [], [], []
    for stamp_ns, status in statuses.items():
        core_ms = sum(status[stage] for stage in STAGES if math.isfinite(status[stage]))
        if not core_ms:
            continue
        # Of the whole time from the stamp to the arrival of the status: what neither the transport of the image and
        # its waiting for the attempt before (age) nor the library took. Conversion, TF, publishing, DDS.
        inside.append(status['total_ms'] - core_ms)
        around.append((status['at'] - stamp_ns) / 1e6 - status['age_ms'] - core_ms)
        features_ms = offline.fixes[sent[stamp_ns]['index']].features_ms
        slower.append(status['features_ms'] / features_ms)
    return {
        'latency_ms': spread([(p['at'] - p['stamp']) / 1e6 for p in recording.of('pose') if p['stamp'] in sent], 1),
        'status_latency_ms': spread([(s['at'] - stamp_ns) / 1e6 for stamp_ns, s in statuses.items()], 1),
        'transport_and_waiting_ms': spread([s['age_ms'] for s in statuses.values()], 1),
        'attempt_ms': spread([s['total_ms'] for s in statuses.values()], 1),
        'library_alone_ms': spread([fix.stage_ms for fix in offline.fixes], 1),
        'overhead_in_the_attempt_ms': spread(inside, 2),
        'overhead_ms': spread(around, 2),
        'features_times_slower_than_alone': spread(slower, 2),
        'sent_late_ms': spread([(r['sent'] - r['stamp']) / 1e6 for r in sent.values()], 1),
        'memory_MB': round(max((p for _, _, p in recording.memory), default=0) / 1024, 1),
        'memory_resident_MB': round(max((r for _, r, _ in recording.memory), default=0) / 1024, 1),
        'cpu_percent': round(100 * recording.cpu_s / recording.seconds, 1) if recording.seconds else None,
    }


def health(recording: Recording) -> Record:
    """What went wrong with the nodes themselves."""
    return {'exit_codes': recording.exit_codes, 'complaints': recording.complaints[:20]}


def odometry(platform: Platform, name: str, seconds: float, seeds: Sequence[int]) -> Record:
    """How accurate TF is beside single fixes, with odometry that drifts on and on."""
    single: list[tuple[float, float]] = []
    through_tf: list[tuple[float, float]] = []
    unconfirmed: list[tuple[float, float]] = []
    leaping: list[float] = []
    speeds: list[float] = []
    behind: list[float] = []
    lost = 0
    merged = Recording()
    for seed in seeds:
        bag, map_folder = long_bag_of(name, seconds, seed), map_of(name)
        truth = Truth(bag)
        localizer = {'image_transport': 'compressed'}
        with running(platform, 'one process', {'map.uri': str(map_folder)}, localizer, tf=True, sim_time=True) as run:
            play = run.play(bag, loop=False)
            run.watch(lambda play=play: play.popen.poll() is not None)  # type: ignore[misc]
        recording = run.recording
        single += errors_against(truth, recording.of('pose'))
        through_tf += errors_against(truth, recording.of('tf'))
        unconfirmed += unconfirmed_steps(recording)
        leaping += leaps(truth, recording)
        speeds += truth.speeds_mps()
        behind += behind_ms(recording)
        lost += sum(status['state'] == 3 for status in recording.of('status'))
        merged.exit_codes |= {f'{node} {seed}': code for node, code in recording.exit_codes.items()}
        merged.complaints += recording.complaints
    fixes, tf = accuracy(single), accuracy(through_tf)
    ratios = {
        f'{name}_ratio': round(tf[name] / fixes[name], 3)
        for name in ('rmse_cm', 'rmse_deg', 'median_cm', 'median_deg')
        if fixes.get(name) and name in tf
    }
    return {
        'drives': len(seeds),
        'seconds': seconds,
        'median_speed_mps': round(float(np.median(speeds)), 2),
        'correction_ms_behind': spread(behind, 1),
        'fixes': fixes,
        'tf': tf,
        **ratios,
        'largest_unconfirmed_step_m': round(max((m for m, _ in unconfirmed), default=0.0), 4),
        'largest_unconfirmed_step_deg': round(max((d for _, d in unconfirmed), default=0.0), 3),
        'gate_m': TrackerSettings().max_correction_m,
        'gate_deg': TrackerSettings().max_correction_deg,
        'largest_leap_of_tf_m': round(max(leaping, default=0.0), 4),
        'attempts_while_lost': lost,
        **health(merged),
    }


def unconfirmed_steps(recording: Recording) -> list[tuple[float, float]]:
    """Corrections, in metres and degrees, that accepted fixes brought without confirmation by others."""
    return [
        (status['correction_m'], math.degrees(status['correction_rad']))
        for status in recording.of('status')
        if status['accepted'] and status['confirmations_required'] == 0 and math.isfinite(status['correction_m'])
    ]


def behind_ms(recording: Recording) -> list[float]:
    """How much older the fix in force was than the odometry that TF was sampled with, milliseconds."""
    events = [(r['at'], 'pose', r['stamp']) for r in recording.of('pose')]
    events += [(r['at'], 'tf', r['stamp']) for r in recording.of('tf')]
    fix_ns, found = 0, []
    for _, kind, stamp_ns in sorted(events):
        if kind == 'pose':
            fix_ns = stamp_ns
        elif fix_ns:
            found.append((stamp_ns - fix_ns) / 1e6)
    return found


def leaps(truth: Truth, recording: Recording) -> list[float]:
    """By how many metres the error of TF changes from one sample to the next."""
    errors = []
    for record in recording.of('tf'):
        if (pose := truth.at(record['stamp'])) is not None:
            errors.append(pose.inverse() @ pose_of(record['pose']))
    return [after.error_to(before)[0] for before, after in pairwise(errors)]
