# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A scene and a kind of map: build the map once, localize the queries of every condition, keep what each gave."""

from __future__ import annotations

import json
import re
import shutil
import time
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.regression.digests import SourceDigest, code_version, digest_of, digest_source
from benchmarks.regression.results import CaseResult, read_case, result_of_run, write_case
from benchmarks.regression.scenes import Progress, Scene
from benchmarks.regression.trials import Trial
from neumap_ros.cli.console import parse_bytes
from neumap_ros.errors import MapError, NeumapError
from neumap_ros.evaluation.run_folder import write_run
from neumap_ros.evaluation.run_pictures import WorstAttempts
from neumap_ros.localization.localizer import Localizer
from neumap_ros.mapping.build import BuildSettings, build_map
from neumap_ros.mapping.sources import ImageSource
from neumap_ros.maps.storage import open_map

# Map ids that depend on the scene alone, so that two builds give the same map.
_NAMESPACE = uuid.UUID('5f0c4f5e-5c1b-4c0e-9a55-0d1f6c0c7a11')
_SIZE = re.compile(r'\d')
BUILD_FILE = 'build.json'


@dataclass(frozen=True)
class Task:
    """Cases that share a map.

    Attributes:
        scene: where.
        method: a size such as ``100kB``, or a kind of map with all its points such as ``full``.
        conditions: of the queries.
    """

    scene: Scene
    method: str
    conditions: tuple[str, ...]

    @property
    def cases(self) -> tuple[str, ...]:
        """Names of the cases."""
        return tuple(f'{self.scene.name}/{condition}/{self.method}' for condition in self.conditions)


@dataclass(frozen=True)
class Folders:
    """Where things lie.

    Attributes:
        runs: one run folder per case, scene/condition/method.
        cache: worlds and maps.
        fresh: run what is finished again, maps included.
    """

    runs: Path
    cache: Path
    fresh: bool = False


def build_settings(method: str) -> BuildSettings:
    """How a method builds its maps.

    Args:
        method: see :class:`Task`.

    Raises:
        ConfigError: neither a size nor a kind.
    """
    if _SIZE.match(method):
        return BuildSettings(budget_bytes=parse_bytes(method))
    return BuildSettings(kind=method)


def run_task(task: Task, folders: Folders, progress: Progress, finished: Callable[[CaseResult, bool], None]) -> None:
    """Run the cases of a task; what fails is a result too.

    Args:
        task: see there.
        folders: see there.
        progress: called with (stage, done, total).
        finished: called with the result of each case, and whether it was kept from an earlier run.
    """
    try:
        mapping = task.scene.mapping(folders.cache, progress)
        map_key = digest_of([digest_source(mapping).key, asdict(build_settings(task.method)), code_version()])
    except Exception as error:  # a failure of the cases, not of the suite
        for case in task.cases:
            finished(CaseResult(case, error=_sentence(error)), False)
        return
    built: _Map | str | None = None
    for case, condition in zip(task.cases, task.conditions, strict=True):
        try:
            progress('reading queries', 0, 1)
            trial = task.scene.trial(condition, folders.cache, progress)
            digest = trial.digest()
            key = digest_of([map_key, digest.key, trial.settings()])
            kept = None if folders.fresh else read_case(folders.runs / case)
            if kept is not None and kept.key == key and kept.case == case:
                finished(kept, True)
                continue
            if built is None:
                built = _build(task, mapping, map_key, folders, progress)
            if isinstance(built, str):
                finished(CaseResult(case, error=built), False)
                continue
            finished(_evaluate(task, case, condition, key, built, trial, digest, folders, progress), False)
        except Exception as error:
            finished(CaseResult(case, error=_sentence(error)), False)


@dataclass(frozen=True)
class _Map:
    folder: Path
    facts: dict[str, Any]


def _build(task: Task, mapping: ImageSource, key: str, folders: Folders, progress: Progress) -> _Map | str:
    """Build the map, or take it from the cache; a sentence if that fails."""
    shelf = folders.cache / 'maps' / f'{task.scene.name}-{task.method}'
    book = shelf / key
    settings = build_settings(task.method)
    if folders.fresh:
        shutil.rmtree(book, ignore_errors=True)
    try:
        if (book / BUILD_FILE).is_file():
            return _Map(book / 'map', json.loads((book / BUILD_FILE).read_bytes()))
        if shelf.is_dir():
            for old in shelf.iterdir():  # maps of other code or pictures
                if old != book:
                    shutil.rmtree(old)
        book.mkdir(parents=True, exist_ok=True)
        settings = replace(settings, map_id=str(uuid.uuid5(_NAMESPACE, task.scene.name)))
        start = _now()
        report = build_map(mapping, book / 'map', settings, progress, overwrite=True)
        wall_s, cpu_s = _since(start)
        if settings.budget_bytes is not None and report.total_bytes > settings.budget_bytes:
            raise MapError(f'the map has {report.total_bytes} bytes, expected at most {settings.budget_bytes}')
        stages = {stage: round(seconds, 2) for stage, seconds in report.seconds.items()}
        facts = {'points': report.points_kept, 'build_s': wall_s, 'build_cpu_s': cpu_s, 'stages_s': stages}
        (book / BUILD_FILE).write_text(json.dumps(facts) + '\n', encoding='utf-8')
        return _Map(book / 'map', facts)
    except Exception as error:
        return _sentence(error)


def _evaluate(
    task: Task,
    case: str,
    condition: str,
    key: str,
    built: _Map,
    trial: Trial,
    digest: SourceDigest,
    folders: Folders,
    progress: Progress,
) -> CaseResult:
    localizer = Localizer(open_map(built.folder))
    worst = WorstAttempts()
    start = _now()
    run = trial.run(
        localizer,
        lambda done, total: progress(condition, done, total),
        name=case,
        labels={'scene': task.scene.name, 'condition': condition, 'method': task.method},
        worst=worst,
    )
    wall_s, cpu_s = _since(start)
    run, pictures = worst.pictures(task.scene.finish(run, folders.cache))
    folder = folders.runs / case
    folder.mkdir(parents=True, exist_ok=True)
    write_run(run, folder, pictures)
    times = {name: built.facts[name] for name in ('build_s', 'build_cpu_s')}
    times |= {'queries_s': wall_s, 'query_cpu_ms': round(1000 * cpu_s / max(len(run.attempts), 1), 2)}
    queries = trial.queries_of(run, digest)
    result = result_of_run(case, key, run, queries, digest.pictures, built.facts['points'], times)
    write_case(result, folder)
    return result


def _now() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def _since(start: tuple[float, float]) -> tuple[float, float]:
    """Seconds of the wall clock and of the processor."""
    wall_s, cpu_s = (now - then for now, then in zip(_now(), start, strict=True))
    return round(wall_s, 2), round(cpu_s, 2)


def _sentence(error: Exception) -> str:
    text = ' '.join(str(error).split())
    return text if isinstance(error, NeumapError) else f'{type(error).__name__}: {text}'
