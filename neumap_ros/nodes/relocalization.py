# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""``~/relocalize``: whoever calls it gets the outcome, not a promise."""

from __future__ import annotations

import math
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node
from rclpy.task import Future
from std_srvs.srv import Trigger

from neumap_ros.localization.attempt import Attempt


@dataclass
class _Call:
    """A call that waits for its outcome."""

    future: Future
    deadline_s: float
    timeout_s: float
    has_begun: bool = False
    reasons: Counter[str] = field(default_factory=Counter)
    detail: str = ''


class Relocalization:
    """Offers the service and keeps the calls that wait.

    Args:
        node: offers it.
        begin: called for each call; shall have :meth:`begin` called by the worker. Returns why that cannot be, or ''.
        silence: says why no image was looked at, for the answer.
    """

    def __init__(self, node: Node, begin: Callable[[], str], silence: Callable[[], str]) -> None:
        self.timeout_s = 10.0
        self._node = node
        self._ask = begin
        self._silence = silence
        self._lock = threading.Lock()
        self._waiting: list[_Call] = []
        self._answers: list[tuple[Future, bool, str]] = []
        group = ReentrantCallbackGroup()
        # Futures are finished by the executor, which otherwise would not notice.
        self._wake = node.create_guard_condition(self._deliver, callback_group=group)
        self._service = node.create_service(Trigger, '~/relocalize', self._on_call, callback_group=group)

    @property
    def is_wanted(self) -> bool:
        """Whether a call waits for attempts."""
        with self._lock:
            return any(call.has_begun for call in self._waiting)

    def begin(self) -> None:
        """Count attempts from now on for the calls that wait; called by the worker."""
        with self._lock:
            for call in self._waiting:
                call.has_begun = True

    def on_attempt(self, attempt: Attempt) -> None:
        """Answer the calls if the attempt was accepted; called by the worker."""
        with self._lock:
            for call in [call for call in self._waiting if call.has_begun]:
                call.reasons[attempt.reason.value] += 1
                call.detail = attempt.detail
                if attempt.T_map_base is not None:
                    self._finish(call, True, _success(attempt, sum(call.reasons.values())))

    def check_deadlines(self) -> None:
        """Answer calls that waited long enough; called by the worker now and then."""
        now_s = time.monotonic()
        with self._lock:
            overdue = [call for call in self._waiting if now_s >= call.deadline_s]
        for call in overdue:
            reason = self._failure(call)
            with self._lock:
                if call in self._waiting:
                    self._finish(call, False, reason)

    def cancel(self, reason: str) -> None:
        """Answer all calls with no."""
        with self._lock:
            for call in list(self._waiting):
                self._finish(call, False, reason)

    async def _on_call(self, request: Any, response: Any) -> Any:
        call = _Call(Future(), time.monotonic() + self.timeout_s, self.timeout_s)
        with self._lock:
            self._waiting.append(call)
        if refusal := self._ask():
            with self._lock:
                if call in self._waiting:
                    self._waiting.remove(call)
            response.success, response.message = False, refusal
            return response
        response.success, response.message = await call.future
        return response

    def _finish(self, call: _Call, success: bool, text: str) -> None:
        """Note an answer; the lock is held."""
        self._waiting.remove(call)
        self._answers.append((call.future, success, text))
        self._wake.trigger()

    def _deliver(self) -> None:
        with self._lock:
            answers, self._answers = self._answers, []
        for future, success, text in answers:
            future.set_result((success, text))

    def _failure(self, call: _Call) -> str:
        number = sum(call.reasons.values())
        start = f'not localized within {call.timeout_s:g} s'
        if not number:
            return f'{start}: no image was looked at; {self._silence() or "no image came"}'
        counts = ', '.join(f'{reason} {count}' for reason, count in call.reasons.most_common())
        return f'{start}: {number} attempts ({counts}); the last one: {call.detail or "no detail"}'


def _success(attempt: Attempt, attempts: int) -> str:
    assert attempt.T_map_base is not None
    x, y, z = attempt.T_map_base.translation_3
    rotation = attempt.T_map_base.rotation_33
    yaw = math.degrees(math.atan2(rotation[1, 0], rotation[0, 0]))
    return (
        f'localized at x {x:.3f}, y {y:.3f}, z {z:.3f} m, yaw {yaw:.1f} deg in map {attempt.map_id} revision '
        f'{attempt.revision} after {attempts} attempt{"s" if attempts > 1 else ""}'
    )
