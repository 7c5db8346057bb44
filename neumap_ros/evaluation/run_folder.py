# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A run as a folder: written whole or not at all, read back with a clear word if it is none.

``run.json`` makes a folder a run. It is written last and knows the digests of the tables, so that a folder that was
cut off while it was written is no run, and one whose tables were changed or truncated says so.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import math
import shutil
import time
import uuid
from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np

from neumap_ros.errors import ConfigError, SourceError
from neumap_ros.evaluation.run_csv import attempts_text, read_attempts, timings_text
from neumap_ros.evaluation.run_figures import Figures, figures, figures_by
from neumap_ros.evaluation.run_types import AttemptRow, MapFacts, Run
from neumap_ros.evaluation.status_table import status_text
from neumap_ros.geometry import Pose
from neumap_ros.mapping.sources.tum import tum_line

__all__ = ['AttemptRow', 'MapFacts', 'Run', 'plain', 'read_floor', 'read_run', 'write_run']

RUN_FORMAT = 1
RUN_NAME, ATTEMPTS_NAME, TIMINGS_NAME = 'run.json', 'attempts.csv', 'timings.csv'
STATUS_NAME, POSES_NAME, FLOOR_NAME = 'status.csv', 'poses.txt', 'floor.json'
TRAJECTORY_NAME, ROBOT_NAME, TRUTH_NAME = 'trajectory.tum', 'robot.tum', 'truth.tum'
PICTURES_NAME = 'pictures'
# Everything that a run may consist of; what an earlier run left there of these goes when another one is written.
NAMES = (
    *(RUN_NAME, ATTEMPTS_NAME, TIMINGS_NAME, STATUS_NAME, POSES_NAME, FLOOR_NAME),
    *(TRAJECTORY_NAME, ROBOT_NAME, TRUTH_NAME, PICTURES_NAME),
)

_STAGING = '.writing-'
_LEFTOVER_AGE_S = 600.0
# Moving files into place takes milliseconds, also on a busy machine.
_READING_ATTEMPTS, _READING_PAUSE_S = 5, 0.05


def write_run(run: Run, folder: Path, pictures: Mapping[str, bytes] | None = None) -> dict[str, Path]:
    """Write a run. A run that is there already is replaced; other files in the folder stay as they are.

    Everything is written beside its place first, then moved, ``run.json`` last. Whoever is killed in between leaves
    the earlier run, or no run, never half of one.

    Args:
        run: with at least one attempt.
        folder: where to; created.
        pictures: JPEG files by the path that rows have in ``picture``, for example ``pictures/000017.jpg``.

    Returns:
        The path of each file by its name.

    Raises:
        SourceError: the run has no attempts.
        ConfigError: the folder cannot be written.
    """
    if not run.attempts:
        raise SourceError(
            f'the run {run.name!r} of {run.source} has no attempts, expected at least one image that was looked at; '
            'check that its images, or the status of its localizer, arrive'
        )
    contents: dict[str, bytes] = {name: text.encode() for name, text in _texts(run).items()}
    contents.update(pictures or {})
    digests = {name: _digest(contents[name]) for name in (ATTEMPTS_NAME, TIMINGS_NAME)}
    document = run_document(run)
    document['files'] = {ATTEMPTS_NAME: digests[ATTEMPTS_NAME]}
    document['timings']['files'] = {TIMINGS_NAME: digests[TIMINGS_NAME]}
    contents[RUN_NAME] = (json.dumps(document, indent=1, allow_nan=False) + '\n').encode()
    staging = folder / f'{_STAGING}{uuid.uuid4().hex[:8]}'
    try:
        try:
            _stage(contents, staging)
            _remove_leftovers(folder)
            _commit(contents, staging, folder)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    except OSError as error:
        raise ConfigError(
            f'the run cannot be written to {folder} ({error.strerror or error}), expected a folder with free space and '
            'write permission; choose another one'
        ) from None
    return {name: folder / name for name in contents}


def read_run(folder: Path) -> Run:
    """Read a run that :func:`write_run` wrote.

    Raises:
        SourceError: there is no run, it is of another format, or it was cut off or changed.
    """
    folder = Path(folder)
    for _ in range(_READING_ATTEMPTS - 1):
        before = _run_json(folder)
        try:
            return _read_once(folder)
        except SourceError:
            # Somebody who writes it anew, such as an evaluator at work, changes it under our eyes.
            if not list(folder.glob(f'{_STAGING}*')) and _run_json(folder) == before:
                raise
        time.sleep(_READING_PAUSE_S)
    return _read_once(folder)


def _run_json(folder: Path) -> bytes:
    try:
        return (folder / RUN_NAME).read_bytes()
    except OSError:
        return b''


def _read_once(folder: Path) -> Run:
    try:
        data = (folder / RUN_NAME).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise SourceError(
            f'{folder} is no run: it has no {RUN_NAME}; expected a folder that neumap evaluate, neumap replay or the '
            'node evaluator wrote'
        ) from None
    except OSError as error:
        raise SourceError(f'{folder / RUN_NAME} cannot be read ({error.strerror or error})') from None
    document = _document(data, folder)
    try:
        files = {**document['files'], **document['timings']['files']}
        texts = {name: _table(folder, name, files[name]) for name in (ATTEMPTS_NAME, TIMINGS_NAME)}
        timings = {key: value for key, value in document['timings'].items() if key not in _OWN_TIMINGS}
        return Run(
            name=str(document['name']),
            kind=str(document['kind']),
            source=str(document['source']),
            attempts=read_attempts(texts[ATTEMPTS_NAME], texts[TIMINGS_NAME], str(folder)),
            labels={str(key): str(value) for key, value in document['labels'].items()},
            map=_map_facts(document['map']),
            metric=bool(document['metric']),
            extent=float(document['extent']),
            map_frame=str(document['map_frame']),
            body=str(document['body']),
            start_ns=document['start_ns'],
            end_ns=document['end_ns'],
            settings=document['settings'],
            notes=tuple(map(str, document['notes'])),
            timings=timings,
            floor=read_floor(folder / FLOOR_NAME),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise SourceError(f'{folder / RUN_NAME} is damaged ({error!r}); write the run again') from None


# Keys of "timings" that figures give and Run.timings does not have.
_OWN_TIMINGS = ('files', 'summary', 'per_revision', 'per_condition')


def run_document(run: Run) -> dict[str, Any]:
    """Make what ``run.json`` holds but the digests. Infinities and NaN are null; wall times stand under ``timings``."""
    groups = {'per_revision': figures_by(run, 'revision'), 'per_condition': figures_by(run, 'condition')}
    overall = figures(run)
    timings: dict[str, Any] = {**run.timings, 'summary': _times(overall)}
    document = {
        'format': RUN_FORMAT,
        'what': 'neumap_run',
        'name': run.name,
        'kind': run.kind,
        'source': run.source,
        'labels': run.labels,
        'map': run.map,
        'metric': run.metric,
        'extent': run.extent,
        'map_frame': run.map_frame,
        'body': run.body,
        'start_ns': run.start_ns,
        'end_ns': run.end_ns,
        'notes': run.notes,
        'summary': _without_times(overall),
    }
    for key, parts in groups.items():
        document[key] = {name: _without_times(part) for name, part in parts.items()}
        timings[key] = {name: _times(part) for name, part in parts.items()}
    document |= {'settings': run.settings, 'timings': timings}
    result = plain(document)
    assert isinstance(result, dict)
    return result


def plain(value: Any) -> Any:
    """Anything of ours as what JSON knows: dataclasses as objects, poses as matrices, infinities and NaN as null."""
    if isinstance(value, Pose):
        return value.matrix_44.tolist()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _without_times(part: Figures) -> dict[str, Any]:
    return {key: value for key, value in plain(part).items() if key not in Figures.WALL_TIMES}


def _times(part: Figures) -> dict[str, Any]:
    return {key: getattr(part, key) for key in Figures.WALL_TIMES}


def _texts(run: Run) -> dict[str, str]:
    """Every file but run.json and the pictures."""
    rows = run.attempts
    texts = {
        ATTEMPTS_NAME: attempts_text(rows),
        TIMINGS_NAME: timings_text(rows),
        TRAJECTORY_NAME: _tum_text(rows, [row.pose for row in rows]),
    }
    if any(row.truth is not None for row in rows):
        texts[TRUTH_NAME] = _tum_text(rows, [row.truth for row in rows])
    if run.kind == 'images':
        texts[POSES_NAME] = poses_text(rows)
    elif run.kind != 'trajectories':
        texts[ROBOT_NAME] = _tum_text(rows, [row.robot for row in rows])
        texts[STATUS_NAME] = status_text(rows, run.map_frame, run.body)
    if run.floor:
        texts[FLOOR_NAME] = json.dumps({'polygons': plain(run.floor)}) + '\n'
    return texts


def _tum_text(rows: Sequence[AttemptRow], poses: Sequence[Pose | None]) -> str:
    """Poses as lines ``t tx ty tz qx qy qz qw``: body to map, map units, seconds (or the image's index)."""
    return ''.join(
        tum_line(index * 10**9 if row.stamp_ns is None else row.stamp_ns, pose)
        for index, (row, pose) in enumerate(zip(rows, poses, strict=True))
        if pose is not None
    )


def poses_text(rows: Sequence[AttemptRow]) -> str:
    """Accepted poses as lines ``name qw qx qy qz tx ty tz``: map to camera, as visuallocalization.net takes them."""
    lines = []
    for row in rows:
        if row.pose is not None:
            T_cam_map = row.pose.inverse()
            numbers = (*T_cam_map.quaternion_wxyz, *T_cam_map.translation_3)
            lines.append(f'{row.name} {" ".join(f"{number:.9g}" for number in numbers)}\n')
    return ''.join(lines)


def _stage(contents: Mapping[str, bytes], staging: Path) -> None:
    for name, data in contents.items():
        path = staging / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def _remove_leftovers(folder: Path) -> None:
    """Remove what somebody left who was killed while he wrote; not what somebody else writes now."""
    for path in folder.glob(f'{_STAGING}*'):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > _LEFTOVER_AGE_S:
                shutil.rmtree(path, ignore_errors=True)


def _commit(contents: Mapping[str, bytes], staging: Path, folder: Path) -> None:
    """Move what was staged into place. From the first move to the last there is no run.json."""
    tops = {Path(name).parts[0] for name in contents}
    # In a folder that is no run a file of the same name may be somebody else's, unless it has to make way.
    going = NAMES if (folder / RUN_NAME).exists() else [name for name in NAMES if name in tops]
    for name in going:
        if (folder / name).exists():
            (folder / name).rename(staging / f'old-{name}')
    for name in (*sorted(tops - {RUN_NAME}), RUN_NAME):
        (staging / name).rename(folder / name)


def _document(data: bytes, folder: Path) -> dict[str, Any]:
    try:
        document = json.loads(data)
    except ValueError:
        raise SourceError(
            f'{folder / RUN_NAME} is cut off or no JSON, expected what write_run wrote; write the run again'
        ) from None
    if not isinstance(document, dict) or document.get('what') != 'neumap_run':
        raise SourceError(f'{folder / RUN_NAME} does not describe a run, expected "what": "neumap_run" in it')
    if document.get('format') != RUN_FORMAT:
        raise SourceError(
            f'{folder} is a run of format {document.get("format")!r}, this version reads format {RUN_FORMAT}; '
            'read it with the version that wrote it, or write it again'
        )
    return document


def _table(folder: Path, name: str, expected: Mapping[str, Any]) -> str:
    try:
        data = (folder / name).read_bytes()
    except OSError as error:
        raise SourceError(f'{folder / name} cannot be read ({error.strerror or error}); write the run again') from None
    if _digest(data) != dict(expected):
        raise SourceError(
            f'{folder / name} has {len(data)} bytes that are not those that the run was written with '
            f'({expected["bytes"]}); it was cut off or changed, write the run again'
        )
    return data.decode()


def _digest(data: bytes) -> dict[str, Any]:
    return {'bytes': len(data), 'sha256': hashlib.sha256(data).hexdigest()}


def _map_facts(document: Mapping[str, Any]) -> MapFacts:
    sizes = {int(key): int(value) for key, value in document['bytes_by_revision'].items()}
    return MapFacts(**{**document, 'bytes_by_revision': sizes})


def read_floor(path: Path) -> tuple[tuple[tuple[float, float], ...], ...]:
    """Read the floor plan of a simulated world: polygons (x, y) in the map frame; none if there is no such file.

    Raises:
        SourceError: it is none.
    """
    if not path.is_file():
        return ()
    try:
        polygons = json.loads(path.read_bytes())['polygons']
        return tuple(tuple((float(x), float(y)) for x, y in polygon) for polygon in polygons)
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise SourceError(
            f'{path} is no floor plan ({error!r}), expected {{"polygons": [[[x, y], ...], ...]}}; remove or mend it'
        ) from None
