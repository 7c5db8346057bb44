# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Rows of the compression benchmark -> tables in Markdown."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from benchmarks.variants import VARIANTS

Row = dict[str, Any]


def markdown(rows: Sequence[Row]) -> str:
    """All tables."""
    rows = [row for row in rows if 'error' not in row]
    return '\n'.join(
        [
            '# Compression benchmark',
            '',
            'Recall in percent of all queries, accepted poses only, failures in the denominator. fine: 5 cm (or 1 % '
            'of the extent where there is no metric scale), 5 deg. mid: 0.25 m (3 %), 2 deg. Mean over the sets, then '
            'mean and standard deviation over the seeds.',
            '',
            _overall(rows),
            '',
            _variants(rows),
            '',
            _per_set(rows),
            '',
            _gate(rows),
            '',
        ]
    )


def _table(head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    lines = ['| ' + ' | '.join(head) + ' |', '|' + '---|' * len(head)]
    return '\n'.join(lines + ['| ' + ' | '.join(line) + ' |' for line in body])


def _methods(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(row['method'] for row in rows))


def _over_seeds(rows: Sequence[Row], value: Callable[[Row], float]) -> tuple[float, float]:
    """Mean over rows of one seed, then mean and standard deviation over the seeds."""
    seeds: dict[int, list[float]] = defaultdict(list)
    for row in rows:
        seeds[row['seed']].append(value(row))
    means = [float(np.mean(values)) for values in seeds.values()]
    return float(np.mean(means)), float(np.std(means))


def _percent(rows: Sequence[Row], key: str) -> str:
    if not rows:
        return '-'
    mean, spread = _over_seeds(rows, lambda row: 100 * row[key])
    return f'{mean:.1f} +- {spread:.1f}' if len({row['seed'] for row in rows}) > 1 else f'{mean:.1f}'


def _overall(rows: Sequence[Row]) -> str:
    body = []
    for method in _methods(rows):
        mine = [row for row in rows if row['method'] == method]
        plain = [row for row in mine if row['variant'] == 'plain']
        body.append(
            [
                method,
                f'{np.mean([row["bytes"] for row in plain]) / 1000:.0f}',
                f'{np.mean([row["points"] for row in plain]):.0f}',
                _percent(plain, 'fine'),
                _percent(plain, 'mid'),
                _percent(mine, 'fine'),
                _percent(mine, 'mid'),
                f'{np.mean([row["build_s"] for row in plain]):.0f}',
                f'{np.mean([row["query_ms"] for row in plain if row["query_ms"]]):.0f}',
            ]
        )
    head = ['method', 'kB', 'points', 'plain fine', 'plain mid', 'all variants fine', 'all variants mid',
            'compress s', 'query ms without extraction, 1 core']  # fmt: skip
    return '## Mean over the sets\n\n' + _table(head, body)


def _variants(rows: Sequence[Row]) -> str:
    body = []
    for method in _methods(rows):
        line = [method]
        for variant in VARIANTS:
            mine = [row for row in rows if row['method'] == method and row['variant'] == variant]
            line += [_percent(mine, 'fine'), _percent(mine, 'mid')]
        body.append(line)
    head = ['method', *(f'{variant} {key}' for variant in VARIANTS for key in ('fine', 'mid'))]
    return '## By variant\n\n' + _table(head, body)


def _per_set(rows: Sequence[Row]) -> str:
    body = []
    for name in dict.fromkeys(row['set'] for row in rows):
        for method in _methods(rows):
            mine = [row for row in rows if row['set'] == name and row['method'] == method]
            plain = [row for row in mine if row['variant'] == 'plain']
            if not plain:
                continue
            medians = [row['median'] for row in plain if row['median'] is not None]
            parts = plain[0]['bytes_per_part']
            body.append(
                [
                    name,
                    method,
                    f'{np.mean([row["bytes"] for row in plain]) / 1000:.1f}',
                    ', '.join(f'{key} {size / 1000:.1f}' for key, size in parts.items()),
                    f'{np.mean([row["points"] for row in plain]):.0f}',
                    f'{np.mean(medians):.4f}' if len(medians) == len(plain) else 'inf',
                    *(f'{_percent([r for r in mine if r["variant"] == v], "fine")} / '
                      f'{_percent([r for r in mine if r["variant"] == v], "mid")}' for v in VARIANTS),
                ]
            )  # fmt: skip
    head = [
        'set',
        'method',
        'kB',
        'kB by part (seed 0)',
        'points',
        'median error',
        *(f'{v} fine / mid' for v in VARIANTS),
    ]
    return '## By set\n\n' + _table(head, body)


def _gate(rows: Sequence[Row]) -> str:
    body = []
    for label, variants in (('plain', ('plain',)), ('hard versions', VARIANTS[1:])):
        for kind in ('full', 'pq', 'dpqed'):
            mine = [row for row in rows if row['variant'] in variants and row['method'].startswith(kind)]
            queries = sum(row['queries'] for row in mine)
            right = sum(row['right_hypotheses'] for row in mine)
            kept = sum(row['kept'] for row in mine)
            wrong = sum(row['wrong'] for row in mine)
            body.append(
                [
                    label,
                    kind,
                    f'{queries}',
                    f'{100 * kept / max(right, 1):.1f}',
                    f'{wrong}',
                    f'{100 * wrong / max(queries, 1):.2f}',
                ]
            )
    head = ['queries', 'maps', 'attempts', 'right poses kept %', 'wrong accepted', 'wrong accepted %']
    return '## Gate\n\nWrong: worse than 0.5 m (5 % of the extent) or 5 deg.\n\n' + _table(head, body)
