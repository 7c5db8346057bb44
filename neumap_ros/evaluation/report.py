# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""An evaluation as files that others can read, and as a table for the terminal."""

from __future__ import annotations

import dataclasses
import json
import math
import uuid
from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Group
from rich.markup import escape
from rich.table import Table

from neumap_ros.errors import ConfigError
from neumap_ros.evaluation.metrics import EXPECTED_COVERAGE, SIGMAS
from neumap_ros.evaluation.run import EvaluationResult, QueryRecord, Summary
from neumap_ros.geometry import Pose

RESULTS_NAME = 'results.json'
TRAJECTORY_NAME = 'trajectory.tum'
POSES_NAME = 'poses.txt'
RESULTS_FORMAT = 1


def write_report(result: EvaluationResult, folder: Path) -> dict[str, Path]:
    """Write ``results.json``, ``trajectory.tum`` and ``poses.txt``; a file is replaced whole or not at all.

    Args:
        result: the evaluation.
        folder: where to; created.

    Returns:
        The path of each file by its name.

    Raises:
        ConfigError: the folder cannot be written.
    """
    contents = {
        RESULTS_NAME: json.dumps(results_document(result), indent=1, allow_nan=False) + '\n',
        TRAJECTORY_NAME: tum_text(result.records),
        POSES_NAME: poses_text(result.records),
    }
    for name, text in contents.items():
        write_atomically(folder / name, text.encode())
    return {name: folder / name for name in contents}


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file that appears complete or not at all; its folder is created.

    Raises:
        ConfigError: it cannot be written.
    """
    partial = path.with_name(f'.{path.name}.{uuid.uuid4().hex[:8]}')
    try:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            partial.write_bytes(data)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise ConfigError(
            f'{path} cannot be written ({error.strerror or error}), expected a folder with free space and write '
            'permission; choose another one'
        ) from None


def results_document(result: EvaluationResult) -> dict[str, Any]:
    """The evaluation as a JSON object; infinities and NaN become null, arrays lists, poses 4x4 matrices."""
    document = {
        'format': RESULTS_FORMAT,
        'source': result.source,
        'map': {
            'map_id': result.manifest.map_id,
            'revision': result.manifest.revision,
            'sha256': result.map_sha256,
            'kind': result.manifest.kind,
            'bytes': result.summary.map_bytes,
        },
        'metric': result.metric,
        'extent': result.extent,
        'settings': result.settings,
        'summary': result.summary,
        'records': result.records,
    }
    plain = _plain(document)
    assert isinstance(plain, dict)
    return plain


def _plain(value: Any) -> Any:
    """Anything of ours as what JSON knows."""
    if isinstance(value, Pose):
        return value.matrix_44.tolist()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def tum_text(records: Sequence[QueryRecord]) -> str:
    """Accepted fixes as lines ``t tx ty tz qx qy qz qw``: camera to map, map units, seconds (or the image's index)."""
    lines = []
    for record in records:
        if record.T_map_cam is not None:
            w, x, y, z = record.T_map_cam.quaternion_wxyz
            stamp = float(record.index) if record.time_s is None else record.time_s
            lines.append(f'{stamp:.9f} {_numbers((*record.T_map_cam.translation_3, x, y, z, w))}\n')
    return ''.join(lines)


def poses_text(records: Sequence[QueryRecord]) -> str:
    """Accepted fixes as lines ``name qw qx qy qz tx ty tz``: map to camera, as visuallocalization.net takes them."""
    lines = []
    for record in records:
        if record.T_map_cam is not None:
            T_cam_map = record.T_map_cam.inverse()
            lines.append(f'{record.name} {_numbers((*T_cam_map.quaternion_wxyz, *T_cam_map.translation_3))}\n')
    return ''.join(lines)


def _numbers(values: Sequence[float]) -> str:
    return ' '.join(f'{value:.9g}' for value in values)


def summary_tables(result: EvaluationResult) -> Group:
    """Make the tables of an evaluation: outcome, accuracy, time."""
    return Group(_outcome(result), _recall(result), _times(result.summary))


def _outcome(result: EvaluationResult) -> Table:
    summary, unit = result.summary, 'm' if result.metric else 'units'
    coverage = ', '.join(
        f'{_percent(share)} within {sigma} sigma (ideal {_percent(ideal)})'
        for share, sigma, ideal in zip(summary.coverage, SIGMAS, EXPECTED_COVERAGE, strict=True)
    )
    rows = {
        'queries': f'{summary.queries}, {summary.queries_with_truth} with a true pose',
        'outcome': ', '.join(f'{count} {reason}' for reason, count in summary.reasons.items()),
        'median error': f'{format_length(summary.median_distance, unit)}, {summary.median_angle_deg:.2f} deg',
        'wrong fixes accepted': str(summary.wrong),
        'right poses kept': f'{_percent(summary.kept)} of {summary.right_hypotheses}',
        'covariance': coverage if np.isfinite(summary.coverage).all() else 'no fixes with a true pose',
        'extent of the scene': f'{result.extent:.3g} {unit}',
        'map': f'{summary.map_bytes:,} bytes, {result.manifest.kind}, revision {result.manifest.revision}',
    }
    table = Table(title=escape(result.source), title_justify='left', show_header=False, box=None)
    table.add_column(style='bold')
    table.add_column(overflow='fold')
    for key, value in rows.items():
        table.add_row(key, escape(value))
    return table


def _recall(result: EvaluationResult) -> Table:
    table = Table(title='share of queries within', title_justify='left')
    for label in result.summary.recall:
        table.add_column(label, justify='right')
    table.add_row(*(_percent(share) for share in result.summary.recall.values()))
    return table


def _times(summary: Summary) -> Table:
    table = Table(title='milliseconds per query', title_justify='left')
    table.add_column('stage')
    table.add_column('median', justify='right')
    table.add_column('95 % are below', justify='right')
    for stage, (median, p95) in summary.timings_ms.items():
        table.add_row(stage, f'{median:.1f}', f'{p95:.1f}', style='bold' if stage == 'total' else None)
    return table


def format_length(value: float, unit: str) -> str:
    """A length for people: metres below 1 m as centimetres or millimetres, other units with three digits."""
    if unit == 'm' and value < 1:
        return f'{100 * value:.1f} cm' if value >= 0.01 else f'{1000 * value:.1f} mm'
    return f'{value:.3g} {unit}'


def _percent(share: float) -> str:
    return 'none' if math.isnan(share) else f'{100 * share:.1f} %'
