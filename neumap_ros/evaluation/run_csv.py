# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Attempts as comma-separated values and back: numbers with all their digits, NaN and what is missing empty."""

from __future__ import annotations

import csv
import dataclasses
import io
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neumap_ros.errors import CalibrationError, SourceError
from neumap_ros.evaluation.run_types import STAGES, AttemptRow
from neumap_ros.geometry import Pose
from neumap_ros.localization.fix import Evidence

# Rows and columns of the upper triangle of a covariance, row by row.
_TRIANGLE = np.triu_indices(6)
# Wall times stand in a table of their own, so that this one is the same in every run.
_TIMES = ('latency_ms', 'stages_ms')
_POSES = {'estimate': '', 'robot': 'robot_', 'truth': 'truth_'}
_AXES = ('x', 'y', 'z', 'qx', 'qy', 'qz', 'qw')
_EVIDENCE = tuple(field.name for field in dataclasses.fields(Evidence))
_KINDS: dict[str, str] = {field.name: str(field.type) for field in dataclasses.fields(AttemptRow)}
_EVIDENCE_KINDS: dict[str, str] = {field.name: str(field.type) for field in dataclasses.fields(Evidence)}


def _columns() -> tuple[str, ...]:
    columns: list[str] = []
    for name in _KINDS:
        if name in _POSES:
            columns += [_POSES[name] + axis for axis in _AXES]
        elif name == 'evidence':
            columns += _EVIDENCE
        elif name not in _TIMES:
            columns.append('covariance' if name == 'covariance_66' else name)
    return tuple(columns)


COLUMNS = _columns()
TIMING_COLUMNS = ('name', 'stamp_ns', *STAGES, 'latency_ms')


def attempts_text(rows: Iterable[AttemptRow]) -> str:
    """``attempts.csv``: everything but wall times; poses as ``x y z qx qy qz qw``, covariances as upper triangles."""
    return csv_text((_flat(row) for row in rows), COLUMNS)


def timings_text(rows: Iterable[AttemptRow]) -> str:
    """``timings.csv``: wall times per stage, milliseconds."""
    return csv_text(
        (
            {'name': row.name, 'stamp_ns': row.stamp_ns, 'latency_ms': row.latency_ms}
            | {stage: row.stages_ms.get(stage, math.nan) for stage in STAGES}
            for row in rows
        ),
        TIMING_COLUMNS,
    )


def csv_text(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> str:
    """Write rows as comma-separated values with a line of column names; numbers with all their digits, NaN empty."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator='\n')
    writer.writerow(columns)
    writer.writerows([_cell(row[column]) for column in columns] for row in rows)
    return out.getvalue()


def read_attempts(attempts: str, timings: str, where: str) -> tuple[AttemptRow, ...]:
    """Read both tables back.

    Args:
        attempts: text of ``attempts.csv``.
        timings: text of ``timings.csv``.
        where: name of the folder, for errors.

    Raises:
        SourceError: a column is missing, a cell is none of its kind, or the tables differ in length.
    """
    rows, times = list(_dicts(attempts, COLUMNS, where)), list(_dicts(timings, TIMING_COLUMNS, where))
    if len(rows) != len(times):
        raise SourceError(
            f'{where} has {len(rows)} attempts in attempts.csv and {len(times)} in timings.csv, expected as many; '
            'write the run again'
        )
    return tuple(
        _row(row, time, f'{where}, attempt {number}')
        for number, (row, time) in enumerate(zip(rows, times, strict=True), start=1)
    )


def _dicts(text: str, columns: Sequence[str], where: str) -> Iterator[dict[str, str]]:
    reader = csv.DictReader(io.StringIO(text))
    if missing := [column for column in columns if column not in (reader.fieldnames or ())]:
        raise SourceError(f'the tables of {where} have no column {missing[0]}; write the run again')
    yield from reader


def _flat(row: AttemptRow) -> dict[str, Any]:
    cells: dict[str, Any] = {}
    for name in _KINDS:
        value = getattr(row, name)
        if name in _POSES:
            cells.update(zip((_POSES[name] + axis for axis in _AXES), _pose_numbers(value), strict=True))
        elif name == 'evidence':
            cells.update((key, getattr(value, key)) for key in _EVIDENCE)
        elif name == 'covariance_66':
            cells['covariance'] = () if value is None else tuple(map(float, np.asarray(value)[_TRIANGLE]))
        elif name not in _TIMES:
            cells[name] = value
    return cells


def _row(cells: Mapping[str, str], times: Mapping[str, str], where: str) -> AttemptRow:
    values: dict[str, Any] = {}
    try:
        for name, kind in _KINDS.items():
            if name in _POSES:
                values[name] = _pose([cells[_POSES[name] + axis] for axis in _AXES], where)
            elif name == 'evidence':
                values[name] = Evidence(**{key: _value(cells[key], _EVIDENCE_KINDS[key]) for key in _EVIDENCE})
            elif name == 'covariance_66':
                values[name] = _covariance(cells['covariance'])
            elif name not in _TIMES:
                values[name] = _value(cells[name], kind)
        values['latency_ms'] = _value(times['latency_ms'], 'float')
        values['stages_ms'] = {stage: float(times[stage]) for stage in STAGES if times[stage]}
    except (TypeError, ValueError, CalibrationError) as error:
        raise SourceError(f'{where} is damaged ({error}); write the run again') from None
    return AttemptRow(**values)


def _value(text: str, kind: str) -> Any:
    if kind == 'bool':
        return {'true': True, 'false': False}[text] if text in ('true', 'false') else bool(int(text))
    if kind == 'float':
        return float(text) if text else math.nan
    if kind == 'int':
        return int(text)
    if kind.startswith('int'):
        return int(text) if text else None
    if kind.startswith('tuple'):
        return tuple(text.split(' ')) if text else ()
    return text


def _pose_numbers(pose: Pose | None) -> tuple[float, ...]:
    if pose is None:
        return (math.nan,) * 7
    w, x, y, z = (float(value) for value in pose.quaternion_wxyz)
    return (*map(float, pose.translation_3), x, y, z, w)


def _pose(cells: Sequence[str], where: str) -> Pose | None:
    if not any(cells):
        return None
    tx, ty, tz, x, y, z, w = map(float, cells)
    return Pose.from_quaternion((w, x, y, z), (tx, ty, tz), f'a pose of {where}')


def _covariance(cell: str) -> NDArray[np.float64] | None:
    if not cell:
        return None
    upper = np.zeros((6, 6))
    upper[_TRIANGLE] = [float(number) for number in cell.split(' ')]
    return np.asarray(upper + np.triu(upper, 1).T)


def _cell(value: Any) -> str:
    kind = type(value)
    if kind is str:
        return str(value)
    if kind is float:
        return '' if value != value else repr(value)  # NaN is not itself
    if kind is tuple:
        return ' '.join(map(_cell, value))
    if kind is bool:
        return 'true' if value else 'false'
    if isinstance(value, (float, np.floating)):
        return '' if math.isnan(value) else repr(float(value))
    return '' if value is None else str(value)
