# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Section `switches` of the benchmark `nodes`: the map changes under load, between two revisions that share no file."""

from __future__ import annotations

import time
from collections.abc import Sequence

from benchmarks.node_bags import bag_of, repository_of
from benchmarks.node_live import FOUND, health
from benchmarks.node_offline import SAME_DEG, SAME_M, Offline, localize_offline, pose_of, spread
from benchmarks.node_processes import Platform, Record, Recording, running
from neumap_ros.geometry import Pose
from neumap_ros.maps.storage import StoredMap

# One place, mapped from other images each time; the queries of the first.
MAPS, IMAGES = ('hololens', 'hololens-revisit'), 'hololens'
# Long enough for any number of switches; the player is stopped when they are done.
MOST_S_PER_SWITCH = 20.0


def switches(platform: Platform, layout: str, count: int) -> Record:
    """Switch so often, and play as long without switches for comparison."""
    revisions, bag = repository_of('hololens', *MAPS), bag_of(IMAGES)
    offline = {stored.manifest_sha256: localize_offline(bag, stored.folder) for stored in revisions}
    references = [
        word
        for stored in revisions
        for word in (str(stored.folder.parent), str(stored.manifest.revision), stored.manifest_sha256)
    ]
    # The first one is active at the start, so that the first switch is to the second.
    uri, revision, sha256 = references[:3]
    server = {'map.uri': uri, 'map.revision': int(revision), 'map.sha256': sha256}
    with running(platform, layout, server, {}) as run:
        player = run.role('player', bag, count * MOST_S_PER_SWITCH + 60)
        switcher = run.role('switcher', count, *references)
        run.watch(lambda: switcher.popen.poll() is not None)
        if player.popen.poll() is not None or switcher.popen.returncode:
            raise RuntimeError(f'a helper failed:\n{player.tail()}\n{switcher.tail()}')
    recording = run.recording
    with running(platform, layout, server, {}) as run:
        run.role('player', bag, recording.seconds + 60)
        end = time.monotonic() + recording.seconds
        run.watch(lambda: time.monotonic() > end)
    return {
        **outcomes(recording),
        **latencies(recording),
        'with_switches': frames(recording),
        'without_switches': frames(run.recording),
        **mixtures(recording, revisions, offline),
        'memory_MB': round(max(p for _, _, p in recording.memory) / 1024, 1),
        **health(recording),
    }


def outcomes(recording: Recording) -> Record:
    """What was asked for and what came of it."""
    asked = recording.of('switch')
    return {
        'switches': len(asked),
        'refused': sum(not record['accepted'] for record in asked),
        'not_seen': sum(not record['seen'] for record in asked),
        'answer_ms': spread([(record['answered'] - record['asked']) / 1e6 for record in asked], 1),
    }


def latencies(recording: Recording) -> Record:
    """How long the new revision takes from its publication by the map_server to its use."""
    staged, ready, used, taken, attempts_before = [], [], [], [], []
    sent_ns = {record['stamp']: record['sent'] for record in recording.of('image')}
    for switch in recording.of('switch'):
        sha256 = switch['sha256']
        published = _first(recording.of('index'), switch['asked'], 'sha256', sha256)
        if published is None:
            continue
        told = _first(recording.of('request'), published, 'active', sha256)
        later = [s for s in recording.of('status') if s['at'] > published]
        fresh = next((s for s in later if s['map_sha256'] == sha256), None)
        if fresh is None or told is None:
            continue
        began = _start_ns(fresh)
        staged.append((published - switch['asked']) / 1e6)
        # Ready when the localizer says so, unless an attempt with it began even before that was heard.
        ready.append((min(told, max(began, published)) - published) / 1e6)
        used.append((max(began, published) - published) / 1e6)
        # Less the attempt in hand and the waiting for the next image.
        in_hand = max((_end_ns(s) for s in recording.of('status') if s['at'] < fresh['at']), default=0)
        taken.append((began - max(min(told, began), in_hand, sent_ns.get(fresh['stamp'], 0))) / 1e6)
        attempts_before.append(sum(_start_ns(s) > published and s['at'] < fresh['at'] for s in later))
    return {
        'measured': len(ready),
        'asked_to_published_ms': spread(staged, 1),
        'published_to_ready_ms': spread(ready, 1),
        'ready_to_used_ms': spread(taken, 1),
        'published_to_first_attempt_ms': spread(used, 1),
        'attempts_with_the_old_one_meanwhile': spread(attempts_before, 1),
    }


def _first(records: Sequence[Record], after_ns: int, key: str, value: str) -> int | None:
    return next((r['at'] for r in records if r['at'] >= after_ns and r[key] == value), None)


def _start_ns(status: Record) -> int:
    return int(status['stamp'] + status['age_ms'] * 1e6)


def _end_ns(status: Record) -> int:
    return int(_start_ns(status) + status['total_ms'] * 1e6)


def frames(recording: Recording) -> Record:
    """Images between the first attempt and the last: each was looked at, counted as dropped, or is lost."""
    statuses = recording.of('status')
    if len(statuses) < 2:
        return {'images': 0}
    first, last = statuses[0]['stamp'], statuses[-1]['stamp']
    images = sum(first < record['stamp'] <= last for record in recording.of('image'))
    attempts, dropped = len(statuses) - 1, sum(s['dropped_images'] for s in statuses[1:])
    return {
        'images': images,
        'attempts': attempts,
        'dropped': dropped,
        'lost': images - attempts - dropped,
        'accepted_percent': round(100 * sum(s['accepted'] for s in statuses) / len(statuses), 1),
    }


def mixtures(recording: Recording, revisions: Sequence[StoredMap], offline: dict[str, Offline]) -> Record:
    """Whether each status is wholly of the revision that it names."""
    index_of = {record['stamp']: record['index'] for record in recording.of('image')}
    regions = {stored.manifest_sha256: {r.id for r in stored.manifest.regions} for stored in revisions}
    mixed, of_another, same, differing = 0, 0, 0, []
    for status in recording.of('status'):
        own = status['map_sha256']
        if own not in regions or not set(status['regions']) <= regions[own]:
            mixed += 1
            continue
        if status['reason'] not in FOUND or status['stamp'] not in index_of:
            continue
        pose, index = pose_of(status['pose']), index_of[status['stamp']]
        if _is_same(pose, offline[own].fixes[index].T_map_base):
            same += 1
        elif any(_is_same(pose, o.fixes[index].T_map_base) for sha256, o in offline.items() if sha256 != own):
            of_another += 1
        elif (expected := offline[own].fixes[index].T_map_base) is not None:
            differing.append(1000 * pose.error_to(expected)[0])
    return {
        'of_no_or_two_revisions': mixed,
        'pose_of_another_revision': of_another,
        'pose_of_its_revision': same,
        'pose_of_neither': len(differing),
        'pose_of_neither_difference_mm': spread(differing, 2),
    }


def _is_same(pose: Pose, expected: Pose | None) -> bool:
    if expected is None:
        return False
    metres, degrees = pose.error_to(expected)
    return metres <= SAME_M and degrees <= SAME_DEG
