# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Rows of the benchmark of extractors -> tables in Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.variants import VARIANTS

Row = dict[str, Any]

HEAD = """# Extractors

`python -m benchmarks.extractors`; photographs and their harder versions are those of the compression benchmark, worlds
are simulated (mapped by day, asked on another day; night is the robot's headlight alone).

Recall in percent of all queries, nothing left out; in a map that could not be built nothing is found. **coarse**:
within 0.5 m (5 % of the extent where there is no metric scale) and 5 degrees; **fine**: 5 cm (1 %) and 5 degrees.
Recall counts the best hypothesis, whether the gate accepted it or not, because the gate's confidence was fitted to
RootSIFT; recall with the gate stands in a table of its own. Maps hold all triangulated points with uncompressed
descriptors, but for the table of a fixed budget. Mapping images have at most 2,048 keypoints, queries 1,500. **Accepted
elsewhere**: queries of another place, by day and at night, that the gate let through.

Night and hard queries of photographs have half the resolution. Our own networks enlarge images of fewer than 640 x 480
pixels by themselves; other people's see them as they are, but for the rows "enlarged". XFeat runs in ONNX Runtime and
sees images padded to multiples of 32, the others in PyTorch; keypoints of EdgePoint2 are refined between pixels, which
its authors do not do.
"""


def markdown(rows: Sequence[Row], timings: Sequence[Row], facts: Row) -> str:
    """All tables of what has been measured."""
    good = [row for row in rows if 'error' not in row]
    names = list(dict.fromkeys(row['extractor'] for row in rows))
    complete, sets = _shared_sets(good, names)
    parts = [HEAD]
    parts.append(
        f'Up to {facts["queries"] or "all"} queries a set. Measured: {", ".join(complete)}. Means are over '
        f'{", ".join(sets) or "no common set"}; extractors that lack one of them have none.'
    )
    if missing := facts.get('missing'):
        parts.append('Not measured here: ' + '; '.join(f'{label} ({why})' for label, why in missing.items()) + '.')
    parts.append(_overview(rows, complete, sets, timings))
    parts.append(_recall(rows, complete, sets, 'all', 'fine', '## Fine recall, mean over the sets'))
    parts.append(
        _recall(rows, complete, sets, 'all', 'coarse_accepted', '## Coarse recall with the gate, mean over the sets')
    )
    parts.append(
        _recall(
            rows, complete, sets, 'budget', 'coarse', f'## Coarse recall of maps of at most {facts["budget_kb"]} kB'
        )
    )
    parts.append(_per_set(good))
    parts.append(_times(timings))
    failed = [row for row in rows if 'error' in row]
    if failed:
        lines = dict.fromkeys(f'* {r["extractor"]}, {r["set"]}, {r["map"]}: {r["error"]}' for r in failed)
        parts.append('## Not built\n\n' + '\n'.join(lines))
    return '\n\n'.join(parts) + '\n'


def _shared_sets(rows: Sequence[Row], names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Extractors, and the sets that most of them have: means over different sets cannot be compared."""
    per_name = {name: {row['set'] for row in rows if row['extractor'] == name} for name in names}
    measured = [name for name in names if per_name[name]]
    sets = dict.fromkeys(row['set'] for row in rows)
    return measured, [s for s in sets if 2 * sum(s in per_name[name] for name in measured) > len(measured)]


def _mean(rows: Sequence[Row], name: str, sets: Sequence[str], kind: str, variant: str, key: str) -> str:
    mine = [
        0.0 if 'error' in row else 100 * row[key] / row['queries']
        for row in rows
        if (row['extractor'], row['map'], row['variant']) == (name, kind, variant) and row['set'] in sets
    ]
    return f'{np.mean(mine):.0f}' if len(mine) == len(sets) and mine else '-'


def _table(head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    lines = ['| ' + ' | '.join(head) + ' |', '|' + '---|' * len(head)]
    return '\n'.join(lines + ['| ' + ' | '.join(line) + ' |' for line in body])


def _overview(rows: Sequence[Row], names: Sequence[str], sets: Sequence[str], timings: Sequence[Row]) -> str:
    body = []
    for name in names:
        times = next((t for t in timings if t['extractor'] == name), {})
        elsewhere = [r for r in rows if (r['extractor'], r['variant']) == (name, 'elsewhere') and r['set'] in sets]
        body.append(
            [
                name,
                _number(times.get('descriptor')),
                _number(times.get('parameters'), thousands=True),
                *(_mean(rows, name, sets, 'all', variant, 'coarse') for variant in VARIANTS),
                _number(times.get('cpu_ms_1')),
                *(_number(value) for value in _walls(times)),
                f'{sum(r["false_accepts"] for r in elsewhere)} of {sum(r["queries"] for r in elsewhere)}',
                _number(max((r['most_inliers'] for r in elsewhere), default=None)),
            ]
        )
    head = ['extractor', 'numbers', 'parameters', *(f'{v}, coarse' for v in VARIANTS), 'processor ms, 1 core',
            'ms, 1 core', 'ms, 2 cores', 'accepted elsewhere', 'most inliers there']  # fmt: skip
    return '## Coarse recall, mean over the sets\n\n' + _table(head, body)


def _recall(rows: Sequence[Row], names: Sequence[str], sets: Sequence[str], kind: str, key: str, title: str) -> str:
    body = [[name, *(_mean(rows, name, sets, kind, variant, key) for variant in VARIANTS)] for name in names]
    return f'{title}\n\n' + _table(['extractor', *VARIANTS], body)


def _per_set(rows: Sequence[Row]) -> str:
    body = []
    for row in rows:
        if row['variant'] not in VARIANTS:
            continue
        error = row['median_error']
        unit = 'm' if row['metric'] else 'of the extent'
        if error is not None and not row['metric']:
            error /= row['extent']
        body.append(
            [
                row['set'],
                row['extractor'],
                row['map'],
                row['variant'],
                f'{row["bytes"] / 1000:.0f}',
                f'{row["points"]:,}',
                f'{row["queries"]}',
                *(f'{100 * row[key] / row["queries"]:.0f}' for key in ('fine', 'coarse', 'coarse_accepted')),
                f'{row["wrong_accepted"]}',
                'none' if error is None else f'{error:.4f} {unit}',
                _number(row['inliers']),
            ]
        )
    head = ['set', 'extractor', 'map', 'variant', 'kB', 'points', 'queries', 'fine', 'coarse', 'coarse with gate',
            'wrong accepted', 'median error of all', 'inliers']  # fmt: skip
    return '## By set\n\n' + _table(head, sorted(body, key=lambda line: (line[0], line[2], VARIANTS.index(line[3]))))


def _is_quiet(times: Row) -> bool:
    """Whether the machine had hardly any other work than the measurement."""
    return bool(times.get('load', 0.0) < 0.5 * times.get('cores', 1))


def _walls(times: Row) -> tuple[float | None, float | None]:
    """Wall times on one and on two cores; None where other work spoilt them."""
    if not _is_quiet(times):
        return None, None
    return times.get('wall_ms_1'), times.get('wall_ms_2')


def _times(timings: Sequence[Row]) -> str:
    body = []
    for t in timings:
        one, two = _walls(t)
        values = (one, t.get('cpu_ms_1'), two, t.get('gpu_ms_1'), t.get('gpu_ms_4'))
        body.append([t['extractor'], f'{t["keypoints"]}', *(_number(v, 1) for v in values), _number(t.get('load'), 1)])
    head = ['extractor', 'keypoints', 'ms, 1 core', 'processor ms, 1 core', 'ms, 2 cores', 'ms on the GPU, batch 1',
            'per image, batch 4', 'load of the machine']  # fmt: skip
    text = (
        'One image of 640 x 480, at most 1,000 keypoints, the best of several runs. Wall times are left out where the '
        'machine had other work; processor times are then too long as well (shared caches), and only compare '
        'extractors that were measured together.'
    )
    return f'## Time\n\n{text}\n\n{_table(head, body)}'


def _number(value: float | None, decimals: int = 0, thousands: bool = False) -> str:
    if value is None:
        return '-'
    return f'{value:,.{decimals}f}' if thousands else f'{value:.{decimals}f}'
