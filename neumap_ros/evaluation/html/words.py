# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Numbers and names as people read them, the same in tables, sentences and charts."""

from __future__ import annotations

import html
import math

from neumap_ros.evaluation.html.statistics import Share

NOTHING = '–'  # noqa: RUF001  an en dash, as in tables


def length(value: float, unit: str) -> str:
    """A length: below a metre in centimetres or millimetres, other units with three digits."""
    if math.isnan(value):
        return NOTHING
    if math.isinf(value):
        return 'none'
    if unit == 'm' and value < 1:
        return f'{100 * value:.1f} cm' if value >= 0.01 else f'{1000 * value:.1f} mm'
    return f'{value:.3g} {unit}'


def angle(value: float) -> str:
    """An angle in degrees."""
    if math.isnan(value):
        return NOTHING
    return 'none' if math.isinf(value) else f'{value:.2f}°' if value < 10 else f'{value:.0f}°'


def seconds(value: float) -> str:
    """A time."""
    if math.isnan(value):
        return NOTHING
    if math.isinf(value):
        return 'never'
    if value < 100:
        return f'{value:.2f} s' if value < 10 else f'{value:.1f} s'
    return f'{value / 60:.1f} min'


def milliseconds(value: float) -> str:
    """A wall time."""
    if math.isnan(value):
        return NOTHING
    return f'{value:.0f} ms' if value >= 10 else f'{value:.1f} ms'


def percent(value: float) -> str:
    """A share; 100 % only where nothing is missing, 0 % only where there is nothing."""
    if math.isnan(value):
        return NOTHING
    text = f'{100 * value:.1f}'
    if text == '100.0' and value < 1:
        text = '99.9'
    if text == '0.0' and value > 0:
        text = '<0.1'
    return f'{text.removesuffix(".0")} %'


def rate(value: float) -> str:
    """A small share with two digits, which may be far below a percent."""
    return NOTHING if math.isnan(value) else f'{100 * value:.2g} %'


def interval(share: Share) -> str:
    """The 95 % interval of a share, without the share itself."""
    if math.isnan(share.low):
        return ''
    width = share.high - share.low
    digits = 0 if width > 0.02 else 1 if width > 0.002 else 2
    return f'{100 * share.low:.{digits}f} to {100 * share.high:.{digits}f} %'


def size(count: int) -> str:
    """Bytes, 1,000 a kilobyte."""
    for factor, unit in ((10**9, 'GB'), (10**6, 'MB'), (10**3, 'kB')):
        if count >= factor:
            return f'{count / factor:.1f} {unit}'
    return f'{count} bytes' if count else NOTHING


def number(count: int, thing: str, things: str = '') -> str:
    """``1 image``, ``2 images``, ``9,000 images``."""
    return f'{count:,} {thing if count == 1 else things or thing + "s"}'


def short(text: str, most: int = 48) -> str:
    """The two ends of a long text."""
    return text if len(text) <= most else f'{text[: most // 2]}…{text[-(most - 1 - most // 2) :]}'


def for_plotly(text: str, most: int = 48) -> str:
    """Text for a chart, not too long, and without what the chart would take for HTML."""
    return html.escape(short(text, most), quote=False)
