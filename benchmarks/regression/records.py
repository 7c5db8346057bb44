# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What is kept of suite runs: ``history.jsonl``, a line per run with its figures, and named baselines with every query.

Both files are replaced as a whole under a lock, so that nobody ever reads half a line.
"""

from __future__ import annotations

import fcntl
import json
import os
import platform
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from benchmarks.regression.results import CaseResult, parse_cases
from neumap_ros.errors import ConfigError, SourceError

RECORD_FORMAT = 1
HISTORY_FILE, BASELINES = 'history.jsonl', 'baselines'
# Libraries whose version may change a figure.
LIBRARIES = ('faiss-cpu', 'numpy', 'opencv-python-headless', 'poselib', 'pycolmap', 'rosbags', 'scipy', 'torch')

_NAME = re.compile(r'[A-Za-z0-9][A-Za-z0-9._-]*')


@dataclass(frozen=True)
class SuiteRun:
    """A suite run, or the baseline that it was saved as.

    Attributes:
        suite: ``full``, ``subset`` or ``chosen``.
        facts: date, commit, machine, versions, seconds.
        cases: in the order of the suite.
    """

    suite: str
    facts: Mapping[str, Any]
    cases: tuple[CaseResult, ...]

    @property
    def machine(self) -> Mapping[str, Any]:
        """Times are compared between equal ones only."""
        return dict(self.facts.get('machine', {}))


def facts_of_now(root: Path, date: str, code: str, seconds: float) -> dict[str, Any]:
    """Whatever may explain a figure later.

    Args:
        root: of the checkout.
        date: of the run, ISO 8601.
        code: digest of the code that decides the figures.
        seconds: wall time of the run.
    """
    return {
        'date': date,
        'commit': _git(root, 'rev-parse', 'HEAD'),
        'changed': bool(_git(root, 'status', '--porcelain', '--', 'neumap_ros', 'benchmarks')),
        'code': code,
        'machine': machine(),
        'python': platform.python_version(),
        'libraries': library_versions(),
        'load': round(os.getloadavg()[0], 1),
        'seconds': round(seconds, 1),
    }


def machine() -> dict[str, Any]:
    """Processor, cores that this process may use, system."""
    model = platform.processor() or platform.machine()
    try:
        lines = Path('/proc/cpuinfo').read_text(encoding='utf-8', errors='replace').splitlines()
        model = next((line.split(':', 1)[1].strip() for line in lines if line.startswith('model name')), model)
    except OSError:
        pass
    cores = len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count()
    return {'processor': model, 'cores': cores, 'system': f'{platform.system()} {platform.machine()}'}


def library_versions() -> dict[str, str]:
    """Versions of :data:`LIBRARIES`, without those that are not installed under that name."""
    versions = {}
    for name in LIBRARIES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions


def append_history(run: SuiteRun, folder: Path) -> Path:
    """Add a line to the history: the figures of every case, not of every query.

    Raises:
        ConfigError: the file cannot be written.
    """
    path = folder / HISTORY_FILE
    document = _header(run) | {'cases': [case.to_json(outcomes=False) for case in run.cases]}
    with _locked(path):
        old = path.read_bytes() if path.exists() else b''
        line = json.dumps(document, allow_nan=False).encode() + b'\n'
        _replace(path, old + (b'' if not old or old.endswith(b'\n') else b'\n') + line)
    return path


def read_history(folder: Path) -> list[SuiteRun]:
    """All suite runs, oldest first, without the outcomes of their queries.

    Raises:
        SourceError: a line is damaged.
    """
    path = folder / HISTORY_FILE
    if not path.exists():
        return []
    runs = []
    for number, line in enumerate(path.read_text(encoding='utf-8').splitlines(), start=1):
        where = f'{path}, line {number}'
        try:
            document = json.loads(line)
        except ValueError:
            raise SourceError(f'{where} is no JSON, expected one object per line; remove or mend the line') from None
        runs.append(_parse(document, where))
    return runs


def save_baseline(run: SuiteRun, name: str, folder: Path) -> Path:
    """Keep a suite run under a name, with the outcomes of every query; one of that name is replaced.

    Raises:
        ConfigError: the name cannot be a file's, or the file cannot be written.
    """
    if not _NAME.fullmatch(name):
        raise ConfigError(f'the name of the baseline is {name!r}, expected letters, digits, dots, dashes, underscores')
    path = folder / BASELINES / f'{name}.json'
    head = json.dumps(_header(run), allow_nan=False)[:-1]
    # One case per line, so that a difference between two versions of the file can be read.
    lines = ',\n'.join(json.dumps(case.to_json(), allow_nan=False) for case in run.cases)
    with _locked(path):
        _replace(path, f'{head}, "cases": [\n{lines}\n]}}\n'.encode())
    return path


def read_baseline(name: str, folder: Path) -> SuiteRun:
    """Read a baseline by its name, or by the path of its file.

    Raises:
        ConfigError: there is none.
        SourceError: it is damaged.
    """
    path = Path(name) if name.endswith('.json') else folder / BASELINES / f'{name}.json'
    if not path.is_file():
        known = ', '.join(sorted(file.stem for file in (folder / BASELINES).glob('*.json'))) or 'none yet'
        raise ConfigError(f'there is no baseline {name!r}, expected one of: {known}; make it with --save {name}')
    try:
        return _parse(json.loads(path.read_bytes()), str(path))
    except ValueError:
        raise SourceError(f'{path} is cut off or no JSON; save it again') from None


def _header(run: SuiteRun) -> dict[str, Any]:
    return {'format': RECORD_FORMAT, 'suite': run.suite, **run.facts}


def _parse(document: Any, where: str) -> SuiteRun:
    if not isinstance(document, dict) or not isinstance(document.get('cases'), list):
        raise SourceError(f'{where} is no suite run, expected an object with "cases"; save it again')
    if document.get('format') != RECORD_FORMAT:
        raise SourceError(
            f'{where} has the format {document.get("format")!r}, this version reads {RECORD_FORMAT}; save it again'
        )
    facts = {key: value for key, value in document.items() if key not in ('format', 'suite', 'cases')}
    return SuiteRun(str(document.get('suite', '')), facts, parse_cases(document['cases'], where))


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Only one process at a time reads, changes and replaces the file."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with (path.parent / '.lock').open('w') as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
    except OSError as error:
        raise ConfigError(
            f'{path} cannot be written ({error.strerror or error}), expected a folder with free space and write '
            'permission; choose another --out'
        ) from None


def _replace(path: Path, data: bytes) -> None:
    partial = path.with_name(f'.{path.name}.partial')
    with partial.open('wb') as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def _git(root: Path, *arguments: str) -> str:
    """What git answers, empty where there is no git or no repository."""
    command: Sequence[str] = ('git', '-C', str(root), *arguments)
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=30).stdout.rstrip('\n')
    except (OSError, subprocess.SubprocessError):
        return ''
