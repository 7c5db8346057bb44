# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a map_server tells of itself: its index, its status, its diagnostics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus
from diagnostic_updater import DiagnosticStatusWrapper

from neumap_ros.msg import MapIndex, MapShard, MapStatus
from neumap_ros.nodes.map_topics import packed
from neumap_ros.nodes.map_updates import Outcome, UpdateState
from neumap_ros.nodes.shard_store import ShardStore
from neumap_ros.nodes.staging import Staged

RESULTS = {
    Outcome.NONE: MapStatus.RESULT_NONE,
    Outcome.OK: MapStatus.RESULT_OK,
    Outcome.PENDING: MapStatus.RESULT_PENDING,
    Outcome.FAILED: MapStatus.RESULT_FAILED,
    Outcome.REFUSED: MapStatus.RESULT_REFUSED,
    Outcome.SUPERSEDED: MapStatus.RESULT_SUPERSEDED,
}


def index_message(active: Staged | None, stamp: Any) -> MapIndex:
    """What is sent of a revision before any region; without a revision an index without a digest.

    Args:
        active: the revision.
        stamp: builtin_interfaces/Time at which it became active.
    """
    if active is None:
        return MapIndex(stamp=stamp)
    empty = active.offer.empty
    files = {file.path: file for file in empty.manifest.files}
    return MapIndex(
        stamp=stamp,
        map_id=empty.manifest.map_id,
        revision=empty.manifest.revision,
        sha256=empty.manifest_sha256,
        frame_id=empty.manifest.frame_id,
        manifest=packed(active.manifest),
        shared=[
            MapShard(map_sha256=empty.manifest_sha256, path=path, sha256=files[path].sha256, data=packed(data))
            for path, data in ((f'shared/{name}.safetensors', data) for name, data in empty.shared.items())
        ],
        retrieval=packed(empty.retrieval or b''),
    )


def status_message(state: UpdateState | None, store: ShardStore, localizers: Sequence[tuple[str, str]]) -> MapStatus:
    """The status without its stamp.

    Args:
        state: of the updates; None before the node is configured.
        store: what is in memory.
        localizers: names of the localizers and the revisions that they use.
    """
    status = MapStatus(
        regions_resident=store.regions,
        bytes_resident=store.held_bytes,
        bytes_budget=store.budget_bytes,
        evictions=store.evictions,
        localizers=[name for name, _ in localizers],
        localizers_sha256=[sha256 for _, sha256 in localizers],
    )
    if state is None:
        return status
    status.state = MapStatus.STATE_EMPTY
    if state.active is not None:
        manifest = state.active.stored.manifest
        status.state = MapStatus.STATE_ACTIVE
        status.map_id = manifest.map_id
        status.revision = manifest.revision
        status.sha256 = state.active.offer.sha256
        status.uri = state.active.reference.uri
        status.regions = len(manifest.regions)
        status.map_bytes = state.active.stored.total_bytes
    if state.pending is not None:
        status.state = MapStatus.STATE_STAGING
        status.pending_uri = state.pending.uri
        status.pending_revision = state.pending.revision
        status.progress = state.bytes_copied / state.bytes_to_copy if state.bytes_to_copy else 0.0
        status.bytes_to_copy = state.bytes_to_copy
        status.bytes_copied = state.bytes_copied
    status.result = RESULTS[state.outcome]
    status.detail = state.detail
    return status


def map_diagnostics(report: DiagnosticStatusWrapper, status: MapStatus) -> DiagnosticStatusWrapper:
    """Which map is active, and how the last wish for one ended."""
    if status.state == MapStatus.STATE_EMPTY:
        report.summary(DiagnosticStatus.ERROR, status.detail or 'no map')
    elif status.result in (MapStatus.RESULT_FAILED, MapStatus.RESULT_REFUSED):
        report.summary(DiagnosticStatus.WARN, status.detail)
    else:
        report.summary(DiagnosticStatus.OK, status.detail or f'revision {status.revision}')
    report.add('map id', status.map_id)
    report.add('revision', str(status.revision))
    report.add('sha256', status.sha256)
    report.add('uri', status.uri)
    report.add('regions', str(status.regions))
    report.add('bytes', str(status.map_bytes))
    report.add('being prepared', status.pending_uri)
    report.add('progress', f'{status.progress:.0%}')
    for name, sha256 in zip(status.localizers, status.localizers_sha256, strict=True):
        report.add(f'localizer {name}', sha256[:12] or 'no map')
    return report


def memory_diagnostics(report: DiagnosticStatusWrapper, status: MapStatus) -> DiagnosticStatusWrapper:
    """What is in memory."""
    report.summary(DiagnosticStatus.OK, f'{status.regions_resident} regions in memory')
    report.add('bytes', str(status.bytes_resident))
    report.add('budget', str(status.bytes_budget))
    report.add('evictions', str(status.evictions))
    return report
