# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Figures of the benchmark `nodes` -> a table for the terminal and one in Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# What the tables show of each section: the figure's title, where it lies, its format, and what must be reached.
ROWS: dict[str, tuple[tuple[str, str, str, str], ...]] = {
    'live': (
        ('images sent', 'images', '{}', ''),
        ('attempts', 'attempts', '{}', ''),
        ('dropped because newer ones had come', 'dropped', '{}', ''),
        ('accepted', 'accepted', '{}', ''),
        ('library accepts, nodes do not', 'by_image.library only', '{}', ''),
        ('nodes find, library does not', 'by_image.node only', '{}', ''),
        ('same pose as the library, %', 'same_percent', '{}', ''),
        ('difference in mm, p95', 'difference_mm.p95', '{}', ''),
        ('difference in mm, largest', 'difference_mm.max', '{}', ''),
        ('error of the nodes in cm, RMSE', 'error_of_nodes.rmse_cm', '{}', ''),
        ('error of the library on the same images in cm, RMSE', 'error_of_library.rmse_cm', '{}', ''),
        ('image stamp to pose in ms, p50', 'latency_ms.p50', '{}', ''),
        ('image stamp to pose in ms, p95', 'latency_ms.p95', '{}', '150'),
        ('image stamp to pose in ms, p99', 'latency_ms.p99', '{}', ''),
        ('the library alone in ms, p50', 'library_alone_ms.p50', '{}', ''),
        ('node overhead in ms, p50', 'overhead_ms.p50', '{}', '3'),
        ('node overhead in ms, p95', 'overhead_ms.p95', '{}', ''),
        ('features take so many times as long as alone, p50', 'features_times_slower_than_alone.p50', '{}', ''),
        ('memory of both nodes, MB', 'memory_MB', '{}', '900'),
        ('processor time of both nodes, % of a core', 'cpu_percent', '{}', ''),
        ('complaints in the logs', '#complaints', '{}', '0'),
    ),
    'odometry': (
        ('median speed, m/s', 'median_speed_mps', '{}', ''),
        ('fix in force older than the odometry by ms, p50', 'correction_ms_behind.p50', '{}', ''),
        ('fixes, RMSE in cm', 'fixes.rmse_cm', '{}', ''),
        ('TF, RMSE in cm', 'tf.rmse_cm', '{}', ''),
        ('ratio', 'rmse_cm_ratio', '{}', '2'),
        ('fixes, RMSE in deg', 'fixes.rmse_deg', '{}', ''),
        ('TF, RMSE in deg', 'tf.rmse_deg', '{}', ''),
        ('ratio', 'rmse_deg_ratio', '{}', '2'),
        ('fixes, median in cm', 'fixes.median_cm', '{}', ''),
        ('TF, median in cm', 'tf.median_cm', '{}', ''),
        ('ratio', 'median_cm_ratio', '{}', '2'),
        ('fixes, median in deg', 'fixes.median_deg', '{}', ''),
        ('TF, median in deg', 'tf.median_deg', '{}', ''),
        ('ratio', 'median_deg_ratio', '{}', '2'),
        ('largest step without confirmation, m', 'largest_unconfirmed_step_m', '{}', 'gate_m'),
        ('largest step without confirmation, deg', 'largest_unconfirmed_step_deg', '{}', 'gate_deg'),
        ('largest leap of TF from sample to sample, m', 'largest_leap_of_tf_m', '{}', ''),
        ('complaints in the logs', '#complaints', '{}', '0'),
    ),
    'switches': (
        ('switches', 'switches', '{}', ''),
        ('refused, or not seen', 'not_seen', '{}', '0'),
        ('images lost, with switches', 'with_switches.lost', '{}', '0'),
        ('images lost, without', 'without_switches.lost', '{}', ''),
        ('images dropped because newer ones had come, with switches', 'with_switches.dropped', '{}', ''),
        ('images dropped, without', 'without_switches.dropped', '{}', ''),
        ('fixes of no or of two revisions', 'of_no_or_two_revisions', '{}', '0'),
        ('fixes with the pose of another revision', 'pose_of_another_revision', '{}', '0'),
        ('fixes with exactly the pose of their revision', 'pose_of_its_revision', '{}', ''),
        ('fixes with neither', 'pose_of_neither', '{}', ''),
        ('asked for to published in ms, p50', 'asked_to_published_ms.p50', '{}', ''),
        ('published to ready in the localizer in ms, p50', 'published_to_ready_ms.p50', '{}', ''),
        ('published to ready in the localizer in ms, longest', 'published_to_ready_ms.max', '{}', ''),
        ('ready to in use in ms, p50', 'ready_to_used_ms.p50', '{}', '50'),
        ('ready to in use in ms, longest', 'ready_to_used_ms.max', '{}', '50'),
        ('complaints in the logs', '#complaints', '{}', '0'),
    ),
    'soak': (
        ('seconds', 'seconds', '{}', '1200'),
        ('loops', 'loops', '{}', ''),
        ('attempts', 'attempts', '{}', ''),
        ('stale poses', 'stale_poses', '{}', '0'),
        ('stale statuses', 'stale_statuses', '{}', '0'),
        ('memory after the warm-up, MB', 'memory_after_warm_up_MB', '{}', ''),
        ('memory at the end, MB', 'memory_at_the_end_MB', '{}', ''),
        ('growth, MB per hour', 'growth_MB_per_hour', '{}', ''),
        ('complaints in the logs', '#complaints', '{}', '0'),
    ),
    'elsewhere': (
        ('seconds', 'seconds', '{:.0f}', '300'),
        ('attempts', 'attempts', '{}', ''),
        ('accepted', 'accepted', '{}', '0'),
        ('passed the gate, held back by the tracker', 'passed_the_gate', '{}', ''),
        ('poses and transforms sent', 'sent', '{}', '0'),
        ('complaints in the logs', '#complaints', '{}', '0'),
    ),
}
Results = Mapping[str, Mapping[str, Mapping[str, Any]]]


def value_of(figures: Mapping[str, Any], path: str) -> Any:
    """A figure by its path of names; None if it is not there. A leading # counts entries."""
    value: Any = figures
    for name in path.removeprefix('#').split('.'):
        value = value.get(name) if isinstance(value, Mapping) else None
    if path.startswith('#'):
        return None if value is None else len(value)
    return value


def _sections(results: Results) -> list[tuple[str, list[list[str]]]]:
    """For each section a table: its head and its rows."""
    found = []
    for section, rows in ROWS.items():
        columns = [
            (f'{name}: {case}', figures)
            for name, sections in results.items()
            for case, figures in sections.get(section, {}).items()
        ]
        if not columns:
            continue
        lines = [['', 'must reach', *(title for title, _ in columns)]]
        for title, path, form, wanted in rows:
            limit = wanted
            if wanted.startswith('gate'):
                limit = str(value_of(columns[0][1], wanted) or '')
            values = [value_of(figures, path) for _, figures in columns]
            lines.append([title, limit, *('-' if value is None else form.format(value) for value in values)])
        found.append((section, lines))
    return found


def table(results: Results) -> str:
    """For a terminal."""
    parts = []
    for section, lines in _sections(results):
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        rows = [
            '  '.join([line[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(line[1:], widths[1:], strict=True))])
            for line in lines
        ]
        parts.append('\n'.join([section, *rows]))
    return '\n\n'.join(parts)


def markdown(results: Results) -> str:
    """For a reader."""
    parts = [
        '# Nodes',
        '',
        'Real photographs at 15 Hz through real topics; player, nodes and listener are processes of one machine.',
        'Written by `python -m benchmarks.nodes`, which explains each figure; all of them are in the file beside this.',
        'Node overhead: from the stamp to the arrival of the status in another process, less the way of the image to',
        'the attempt and the time that the library took: conversion, TF, publishing, DDS.',
    ]
    for section, lines in _sections(results):
        head, *rows = lines
        parts += ['', f'## {section}', '', f'| {" | ".join(head)} |', '|' + '---|' * len(head)]
        parts += [f'| {" | ".join(row)} |' for row in rows]
    return '\n'.join(parts) + '\n'
