# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The localizer on /diagnostics: inputs, localizer, map, compute. A problem is one sentence that says what to do."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Mapping

import torch
from diagnostic_msgs.msg import DiagnosticStatus
from diagnostic_updater import DiagnosticStatusWrapper, Updater
from rclpy.clock import Clock, ClockType
from rclpy.node import Node

from neumap_ros.localization.attempt import Attempt, TrackingState

# Attempts that figures are made of.
WINDOW = 100

_LEVELS = {
    TrackingState.UNLOCALIZED: DiagnosticStatus.WARN,
    TrackingState.CONFIRMING: DiagnosticStatus.WARN,
    TrackingState.LOCALIZED: DiagnosticStatus.OK,
    TrackingState.LOST: DiagnosticStatus.ERROR,
}


class Statistics:
    """Figures of the last attempts; written by the worker, read by the executor."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._recent: deque[tuple[str, float, float]] = deque(maxlen=WINDOW)
        self._last: Attempt | None = None
        self._attempts = self._accepted = self._dropped = 0

    def add(self, attempt: Attempt, age_ms: float, total_ms: float) -> None:
        """Count an attempt."""
        with self._lock:
            self._recent.append((attempt.reason.value, age_ms, total_ms))
            self._last = attempt
            self._attempts += 1
            self._accepted += attempt.accepted
            self._dropped += attempt.dropped

    @property
    def last(self) -> Attempt | None:
        """The last attempt."""
        with self._lock:
            return self._last

    def figures(self) -> dict[str, str]:
        """What to show, by name."""
        with self._lock:
            recent, last = list(self._recent), self._last
            found = {
                'attempts': str(self._attempts),
                'accepted': str(self._accepted),
                'dropped images': str(self._dropped),
            }
        if last is None or not recent:
            return found
        reasons = Counter(reason for reason, _, _ in recent)
        totals = sorted(total for _, _, total in recent)
        delays = sorted(age + total for _, age, total in recent)
        return {
            **found,
            f'reasons of the last {len(recent)}': ', '.join(f'{r} {n}' for r, n in reasons.most_common()),
            'last reason': last.reason.value,
            'last detail': last.detail,
            'attempt median ms': f'{totals[len(totals) // 2]:.1f}',
            'image to pose median ms': f'{delays[len(delays) // 2]:.1f}',
            'image to pose 95 % ms': f'{delays[int(0.95 * (len(delays) - 1))]:.1f}',
        }


def choose_device(wanted: str) -> tuple[str, str]:
    """Where to compute, and a sentence where that is not what was asked for.

    Args:
        wanted: ``auto``, ``cpu`` or ``cuda``.
    """
    if wanted != 'cuda':
        return 'cpu', ''
    if not torch.cuda.is_available():
        return 'cpu', 'device is cuda, but PyTorch finds no usable GPU; the CPU is used'
    return 'cpu', 'device is cuda, but nothing in this version runs on a GPU yet; the CPU is used'


def new_updater(node: Node) -> Updater:
    """An updater that speaks once a second whatever the node's clock does, for that may be what is wrong."""
    updater = Updater(node)
    updater.setHardwareID('none')
    node.destroy_timer(updater.timer)
    updater.timer = node.create_timer(updater.period, updater.update, clock=Clock(clock_type=ClockType.STEADY_TIME))
    return updater


class Report:
    """What the node tells; all functions are called by the executor and must be quick.

    Attributes:
        waiting: why no image is looked at for reasons that are no fault of images (inactive, clock); empty: none.
        inputs: problem of each camera by name, and figures.
        transforms: problem of TF; empty: none.
        map: level, sentence and figures of the map.
        device: device and warning.
    """

    def __init__(
        self,
        waiting: Callable[[], str],
        inputs: Callable[[], tuple[Mapping[str, str], Mapping[str, str]]],
        transforms: Callable[[], str],
        map: Callable[[], tuple[bytes, str, Mapping[str, str]]],
        device: Callable[[], tuple[str, str]],
    ) -> None:
        self.waiting, self.inputs, self.transforms, self.map, self.device = waiting, inputs, transforms, map, device


class Diagnostics:
    """Publishes four statuses once a second.

    Args:
        node: publishes.
        report: where they come from.
        statistics: of the attempts.
    """

    def __init__(self, node: Node, report: Report, statistics: Statistics) -> None:
        self._report = report
        self._statistics = statistics
        self.updater = new_updater(node)
        for name, task in (
            ('inputs', self._inputs),
            ('localizer', self._localizer),
            ('map', self._map),
            ('compute', self._compute),
        ):
            self.updater.add(name, task)

    def _inputs(self, status: DiagnosticStatusWrapper) -> DiagnosticStatusWrapper:
        if waiting := self._report.waiting():
            status.summary(DiagnosticStatus.WARN, waiting)
            return status
        problems, figures = self._report.inputs()
        found = [text for text in problems.values() if text]
        if not found:
            status.summary(DiagnosticStatus.OK, f'{len(problems)} of {len(problems)} cameras deliver')
        else:
            level = DiagnosticStatus.ERROR if len(found) == len(problems) else DiagnosticStatus.WARN
            status.summary(level, '; '.join(found))
        for name, value in figures.items():
            status.add(name, value)
        return status

    def _localizer(self, status: DiagnosticStatusWrapper) -> DiagnosticStatusWrapper:
        last = self._statistics.last
        if waiting := self._report.waiting():
            status.summary(DiagnosticStatus.WARN, waiting)
        elif last is None:
            status.summary(DiagnosticStatus.WARN, 'no attempt yet')
        else:
            text = last.state.value if last.accepted else f'{last.state.value}: {last.reason.value}: {last.detail}'
            status.summary(_LEVELS[last.state], text)
        if problem := self._report.transforms():
            status.mergeSummary(DiagnosticStatus.ERROR, problem)
        for name, value in self._statistics.figures().items():
            status.add(name, value)
        return status

    def _map(self, status: DiagnosticStatusWrapper) -> DiagnosticStatusWrapper:
        level, text, figures = self._report.map()
        status.summary(level, text)
        for name, value in figures.items():
            status.add(name, value)
        return status

    def _compute(self, status: DiagnosticStatusWrapper) -> DiagnosticStatusWrapper:
        device, warning = self._report.device()
        status.summary(DiagnosticStatus.WARN if warning else DiagnosticStatus.OK, warning or f'runs on {device}')
        status.add('device', device)
        status.add('PyTorch', torch.__version__)
        status.add('PyTorch threads', str(torch.get_num_threads()))
        return status
