# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The figures of a run on /diagnostics."""

from __future__ import annotations

import math
from collections.abc import Sequence

from diagnostic_msgs.msg import DiagnosticStatus
from diagnostic_updater import DiagnosticStatusWrapper

from neumap_ros.evaluation.metrics import SIGMAS
from neumap_ros.evaluation.run_figures import Figures
from neumap_ros.evaluation.run_tables import format_length


def summarize(
    status: DiagnosticStatusWrapper, figures: Figures | None, problems: Sequence[str], has_truth: bool
) -> None:
    """Say in one sentence how it goes: an error if a pose was a lie, a warning if something is wrong with the truth."""
    if figures is None:
        status.summary(DiagnosticStatus.OK, 'the first attempts have come')
        return
    text = f'{figures.accepted} of {figures.attempts} attempts accepted'
    if has_truth:
        text += f', {figures.judged} judged, {figures.false_fixes} false fixes'
    level = DiagnosticStatus.ERROR if figures.false_fixes else DiagnosticStatus.OK
    status.summary(level, text)
    if problems:
        status.mergeSummary(DiagnosticStatus.WARN, '; '.join(dict.fromkeys(problems)))


def add(status: DiagnosticStatusWrapper, figures: Figures, metric: bool) -> None:
    """Add the figures as keys and values."""
    unit = 'm' if metric else 'units'
    values = {
        'attempts': str(figures.attempts),
        'accepted': str(figures.accepted),
        'dropped images': str(figures.drops),
        'jumps': str(figures.jumps),
        'first fix s': _number(figures.first_fix_s),
        **{f'availability within {age}': _percent(share) for age, share in figures.availability.items()},
        **{f'latency {name} ms': _number(value) for name, value in figures.latency_ms.items()},
    }
    if figures.judged:
        values |= {
            'judged': str(figures.judged),
            'false fixes': str(figures.false_fixes),
            'median error': f'{_length(figures.median_error_m, unit)}, {_number(figures.median_error_deg)} deg',
            **{f'within {label}': _percent(share) for label, share in figures.recall.items()},
            **{
                f'covariance within {sigma} sigma': _percent(share)
                for sigma, share in zip(SIGMAS, figures.coverage, strict=True)
            },
        }
    for name, value in values.items():
        status.add(name, value)


def _length(value: float, unit: str) -> str:
    return format_length(value, unit) if math.isfinite(value) else 'none'


def _number(value: float) -> str:
    return f'{value:.2f}' if math.isfinite(value) else 'none'


def _percent(share: float) -> str:
    return f'{100 * share:.1f} %' if math.isfinite(share) else 'none'
