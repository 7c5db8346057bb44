# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a case gave, as it is compared and kept in JSON: its figures, and what became of every single query."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neumap_ros.errors import SourceError
from neumap_ros.evaluation import metrics
from neumap_ros.evaluation.run_figures import Figures, figures
from neumap_ros.evaluation.run_folder import plain
from neumap_ros.evaluation.run_types import Run

CASE_FORMAT = 1
CASE_FILE = 'case.json'
# Queries of a condition of this name are of another place: no pose is right, and every accepted one is false.
ELSEWHERE = 'elsewhere'

# Columns of outcomes: those of every query, and those that only drives have.
_IMAGE_COLUMNS, _ROBOT_COLUMNS = ('error_m', 'error_deg', 'sigmas'), ('robot_m', 'robot_deg')

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Outcomes:
    """What became of every query; columns of one length.

    Attributes:
        queries: a digest of each query's name, camera and true pose: the same one is the same query.
        error_m: of the accepted pose in map units, infinite without one.
        error_deg: likewise.
        sigmas: position error of the accepted pose in standard deviations, NaN without one.
        robot_m: of a drive, error of the pose that TF gives at that time, infinite while there is none; else empty.
        robot_deg: likewise.
    """

    queries: tuple[str, ...] = ()
    error_m: tuple[float, ...] = ()
    error_deg: tuple[float, ...] = ()
    sigmas: tuple[float, ...] = ()
    robot_m: tuple[float, ...] = ()
    robot_deg: tuple[float, ...] = ()

    def to_json(self) -> dict[str, list[Any]]:
        """Columns with five significant digits; what is infinite or unknown is null."""
        names = (*_IMAGE_COLUMNS, *(_ROBOT_COLUMNS if self.robot_m else ()))
        return {'queries': list(self.queries), **{name: [_rounded(v) for v in getattr(self, name)] for name in names}}

    @staticmethod
    def from_json(document: Mapping[str, Sequence[Any]]) -> Outcomes:
        """Read columns; ValueError, KeyError or TypeError if they are none."""
        names = (*_IMAGE_COLUMNS, *(_ROBOT_COLUMNS if _ROBOT_COLUMNS[0] in document else ()))
        columns = {}
        for name in names:
            missing = math.nan if name == 'sigmas' else math.inf
            columns[name] = tuple(missing if value is None else float(value) for value in document[name])
        queries = tuple(map(str, document['queries']))
        if any(len(column) != len(queries) for column in columns.values()):
            raise ValueError('the columns of the queries differ in length')
        return Outcomes(queries, **columns)


@dataclass(frozen=True)
class CaseResult:
    """What a case gave.

    Attributes:
        case: scene/condition/method.
        key: digest of all that decides it; the same key gives the same figures.
        error: one sentence if the case failed; then all that follows is empty.
        figures: of the run, without wall times.
        times: wall times ``latency_ms`` by percentile, ``build_s``, ``queries_s``; of the processor, which hardly
            depend on the load beside, ``build_cpu_s`` and ``query_cpu_ms``, the mean with reading the image.
        map_points: in the map.
        metric: whether a map unit is a metre.
        extent: of the scene in map units.
        pictures: digest of the queries' pixels, of a drive with its odometry.
        outcomes: of every query.
        is_drive: whether the queries are a replayed drive.
    """

    case: str
    key: str = ''
    error: str = ''
    figures: Mapping[str, Any] = field(default_factory=dict)
    times: Mapping[str, Any] = field(default_factory=dict)
    map_points: int = 0
    metric: bool = True
    extent: float = 0.0
    pictures: str = ''
    outcomes: Outcomes = field(default_factory=Outcomes)
    is_drive: bool = False

    @property
    def scene(self) -> str:
        """First part of the name."""
        return self.case.split('/')[0]

    @property
    def condition(self) -> str:
        """Second part of the name."""
        return self.case.split('/')[1]

    @property
    def accepted(self) -> Mask:
        """Which queries got a pose."""
        return np.isfinite(np.array(self.outcomes.error_m, dtype=np.float64))

    def within(self, threshold: metrics.Threshold) -> Mask:
        """Which queries got a pose within a threshold."""
        return threshold.met(np.array(self.outcomes.error_m), np.array(self.outcomes.error_deg), self.extent)

    def robot_within(self, threshold: metrics.Threshold) -> Mask:
        """At which queries of a drive TF puts the robot within a threshold."""
        return threshold.met(np.array(self.outcomes.robot_m), np.array(self.outcomes.robot_deg), self.extent)

    @property
    def false_fixes(self) -> Mask:
        """Which queries got a pose worse than 1 m (10 % of the extent) or 10 degrees."""
        return np.asarray(self.accepted & ~self.within(metrics.false_fix_threshold(self.metric)))

    def to_json(self, *, outcomes: bool = True) -> dict[str, Any]:
        """A JSON object.

        Args:
            outcomes: with what became of every query.
        """
        if self.error:
            return {'case': self.case, 'key': self.key, 'error': self.error}
        document = {
            'case': self.case,
            'key': self.key,
            'is_drive': self.is_drive,
            'metric': self.metric,
            'extent': self.extent,
            'pictures': self.pictures,
            'map_points': self.map_points,
            'figures': dict(self.figures),
            'times': dict(self.times),
        }
        return document | ({'outcomes': self.outcomes.to_json()} if outcomes else {})

    @staticmethod
    def from_json(document: Mapping[str, Any]) -> CaseResult:
        """Read what :meth:`to_json` gave; ValueError, KeyError or TypeError if it is something else."""
        if document.get('error'):
            return CaseResult(str(document['case']), str(document['key']), str(document['error']))
        return CaseResult(
            case=str(document['case']),
            key=str(document['key']),
            figures=dict(document['figures']),
            times=dict(document['times']),
            map_points=int(document['map_points']),
            metric=bool(document['metric']),
            extent=float(document['extent']),
            pictures=str(document['pictures']),
            outcomes=Outcomes.from_json(document.get('outcomes', Outcomes().to_json())),
            is_drive=bool(document.get('is_drive', False)),  # results of earlier versions are of images
        )


def result_of_run(
    case: str, key: str, run: Run, queries: Sequence[str], pictures: str, map_points: int, times: Mapping[str, Any]
) -> CaseResult:
    """The result of a case.

    Args:
        case: its name.
        key: digest of all that decides it.
        run: of all its queries, each with a true pose.
        queries: digest of each query, in the order of the run's attempts.
        pictures: digest of their pixels, of a drive with its odometry.
        map_points: in the map.
        times: beside the latency of the run.
    """
    overall = figures(run)
    numbers = {name: value for name, value in plain(overall).items() if name not in Figures.WALL_TIMES}
    rows = run.attempts
    is_drive = run.kind == 'replay'
    columns = {name: tuple(getattr(row, name) for row in rows) for name in _IMAGE_COLUMNS}
    if is_drive:
        columns['robot_m'] = tuple(row.robot_error_m for row in rows)
        columns['robot_deg'] = tuple(row.robot_error_deg for row in rows)
    return CaseResult(
        case=case,
        key=key,
        figures=numbers,
        times={'latency_ms': {name: _rounded(value) for name, value in overall.latency_ms.items()}, **times},
        map_points=map_points,
        metric=run.metric,
        extent=run.extent,
        pictures=pictures,
        # As they are read back, so that a result that was just made equals one that was kept.
        outcomes=Outcomes.from_json(Outcomes(tuple(queries), **columns).to_json()),
        is_drive=is_drive,
    )


def write_case(result: CaseResult, folder: Path) -> None:
    """Keep a finished case in its folder, whole or not at all."""
    partial = folder / f'.{CASE_FILE}.partial'
    document = {'format': CASE_FORMAT, **result.to_json()}
    partial.write_text(json.dumps(document, allow_nan=False) + '\n', encoding='utf-8')
    partial.replace(folder / CASE_FILE)


def read_case(folder: Path) -> CaseResult | None:
    """A finished case; None if there is none, or one that this version cannot read."""
    try:
        document = json.loads((folder / CASE_FILE).read_bytes())
        return CaseResult.from_json(document) if document['format'] == CASE_FORMAT else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def parse_cases(documents: Sequence[Mapping[str, Any]], where: str) -> tuple[CaseResult, ...]:
    """Read the cases of a baseline.

    Raises:
        SourceError: they are none.
    """
    try:
        return tuple(CaseResult.from_json(document) for document in documents)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SourceError(f'{where} is damaged ({error!r}), expected what --save wrote; save it again') from None


def _rounded(value: float) -> float | None:
    return float(f'{value:.5g}') if math.isfinite(value) else None
