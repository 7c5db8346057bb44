# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Tasks that watch how often something happens and how old stamps are."""

from __future__ import annotations

import threading
import time
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus

from diagnostic_updater._diagnostic_status_wrapper import DiagnosticStatusWrapper
from diagnostic_updater._diagnostic_updater import DiagnosticTask


class FrequencyStatusParam:
    """How often something should happen.

    Args:
        freq_bound: Has the key `min` and perhaps `max`, events per second; looked at anew each time.
        tolerance: Share by which the bounds may be missed.
        window_size: How many updates back the counting begins.
    """

    def __init__(self, freq_bound: dict[str, float], tolerance: float = 0.1, window_size: int = 5) -> None:
        self.freq_bound = freq_bound
        self.tolerance = tolerance
        self.window_size = window_size


class FrequencyStatus(DiagnosticTask):
    """Counts calls of `tick`; none is an error, too few or too many are a warning."""

    def __init__(self, params: FrequencyStatusParam, name: str = 'FrequencyStatus') -> None:
        super().__init__(name)
        self.params = params
        self.lock = threading.Lock()
        self.clear()

    def clear(self) -> None:
        """Begin to count anew."""
        with self.lock:
            self.count = 0
            # Time and count at each of the last updates, oldest first.
            self._history = [(time.monotonic(), 0)] * self.params.window_size

    def tick(self) -> None:
        """Say that it happened."""
        with self.lock:
            self.count += 1

    def run(self, stat: DiagnosticStatusWrapper) -> DiagnosticStatusWrapper:
        """Fill a status and return it."""
        with self.lock:
            now, count = time.monotonic(), self.count
            then, count_then = self._history.pop(0)
            self._history.append((now, count))
        events, window = count - count_then, now - then
        frequency = events / window if window > 0 else 0.0
        bounds, tolerance = self.params.freq_bound, self.params.tolerance
        lowest = bounds['min'] * (1 - tolerance)
        highest = bounds['max'] * (1 + tolerance) if 'max' in bounds else None
        if events == 0:
            stat.summary(DiagnosticStatus.ERROR, 'No events recorded.')
        elif frequency < lowest:
            stat.summary(DiagnosticStatus.WARN, 'Frequency too low.')
        elif highest is not None and frequency > highest:
            stat.summary(DiagnosticStatus.WARN, 'Frequency too high.')
        else:
            stat.summary(DiagnosticStatus.OK, 'Desired frequency met')
        stat.add('Events in window', events)
        stat.add('Events since startup', count)
        stat.add('Duration of window (s)', f'{window:f}')
        stat.add('Actual frequency (Hz)', f'{frequency:f}')
        if bounds.get('max') == bounds['min']:
            stat.add('Target frequency (Hz)', f'{bounds["min"]:f}')
        if bounds['min'] > 0:
            stat.add('Minimum acceptable frequency (Hz)', f'{lowest:f}')
        if highest is not None:
            stat.add('Maximum acceptable frequency (Hz)', f'{highest:f}')
        return stat


class TimeStampStatusParam:
    """How old stamps may be.

    Args:
        min_acceptable: Seconds; negative if they may be in the future.
        max_acceptable: Seconds.
    """

    def __init__(self, min_acceptable: float = -1, max_acceptable: float = 5) -> None:
        self.min_acceptable = min_acceptable
        self.max_acceptable = max_acceptable


class TimeStampStatus(DiagnosticTask):
    """Watches the age of stamps; one that is too old, too new or zero is an error in one update."""

    def __init__(self, params: TimeStampStatusParam | None = None, name: str = 'Timestamp Status') -> None:
        super().__init__(name)
        self.params = params or TimeStampStatusParam()
        self.lock = threading.Lock()
        self.early_count = 0
        self.late_count = 0
        self.zero_count = 0
        self._forget()

    def _forget(self) -> None:
        self._zero_seen = False
        self._ages: tuple[float, float] | None = None  # The least and the most.

    def tick(self, stamp: Any) -> None:
        """Say that there was a stamp: seconds, or a `rclpy.time.Time`."""
        seconds = stamp if isinstance(stamp, float) else stamp.nanoseconds * 1e-9
        with self.lock:
            if seconds == 0:
                self._zero_seen = True
                return
            age = time.time() - seconds
            least, most = self._ages or (age, age)
            self._ages = (min(least, age), max(most, age))

    def run(self, stat: DiagnosticStatusWrapper) -> DiagnosticStatusWrapper:
        """Fill a status and return it."""
        with self.lock:
            ages, zero_seen = self._ages, self._zero_seen
            self._forget()
        least, most = ages or (0.0, 0.0)
        if ages is None:
            stat.summary(DiagnosticStatus.WARN, 'No data since last update.')
        else:
            stat.summary(DiagnosticStatus.OK, 'Timestamps are reasonable.')
            if least < self.params.min_acceptable:
                stat.summary(DiagnosticStatus.ERROR, 'Timestamps too far in future seen.')
                self.early_count += 1
            if most > self.params.max_acceptable:
                stat.summary(DiagnosticStatus.ERROR, 'Timestamps too far in past seen.')
                self.late_count += 1
            if zero_seen:
                stat.summary(DiagnosticStatus.ERROR, 'Zero timestamp seen.')
                self.zero_count += 1
        stat.add('Earliest timestamp delay:', f'{least:f}')
        stat.add('Latest timestamp delay:', f'{most:f}')
        stat.add('Earliest acceptable timestamp delay:', f'{self.params.min_acceptable:f}')
        stat.add('Latest acceptable timestamp delay:', f'{self.params.max_acceptable:f}')
        stat.add('Late diagnostic update count:', self.late_count)
        stat.add('Early diagnostic update count:', self.early_count)
        stat.add('Zero seen diagnostic update count:', self.zero_count)
        return stat


class Heartbeat(DiagnosticTask):
    """Says that the node is alive."""

    def __init__(self) -> None:
        super().__init__('Heartbeat')

    def run(self, stat: DiagnosticStatusWrapper) -> DiagnosticStatusWrapper:
        """Fill a status and return it."""
        stat.summary(DiagnosticStatus.OK, 'Alive')
        return stat
