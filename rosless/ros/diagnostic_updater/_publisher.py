# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Diagnostics of a topic."""

from __future__ import annotations

from typing import Any

from rclpy.time import Time

from diagnostic_updater._diagnostic_updater import CompositeDiagnosticTask, DiagnosticTaskVector
from diagnostic_updater._update_functions import (
    FrequencyStatus,
    FrequencyStatusParam,
    TimeStampStatus,
    TimeStampStatusParam,
)


class HeaderlessTopicDiagnostic(CompositeDiagnosticTask):
    """Watches how often a topic is published.

    Args:
        name: Of the topic.
        diag: Where the task is added.
        freq: How often it should be.
    """

    def __init__(self, name: str, diag: DiagnosticTaskVector, freq: FrequencyStatusParam) -> None:
        super().__init__(f'{name} topic status')
        self.diag = diag
        self.freq = FrequencyStatus(freq)
        self.addTask(self.freq)
        self.diag.add(self)

    def tick(self) -> None:
        """Say that there was a message."""
        self.freq.tick()

    def clear_window(self) -> None:
        """Begin to count anew."""
        self.freq.clear()


class TopicDiagnostic(HeaderlessTopicDiagnostic):
    """Watches how often a topic is published, and how old the stamps of its messages are.

    Args:
        name: Of the topic.
        diag: Where the task is added.
        freq: How often it should be.
        stamp: How old they may be.
    """

    def __init__(
        self, name: str, diag: DiagnosticTaskVector, freq: FrequencyStatusParam, stamp: TimeStampStatusParam
    ) -> None:
        super().__init__(name, diag, freq)
        self.stamp = TimeStampStatus(stamp)
        self.addTask(self.stamp)

    def tick(self, stamp: Any) -> None:  # type: ignore[override]
        """Say that there was a message with that stamp: seconds, or a `rclpy.time.Time`."""
        self.stamp.tick(stamp)
        super().tick()


class DiagnosedPublisher(TopicDiagnostic):
    """A publisher of messages with a header, and the watch on them.

    Args:
        pub: The publisher.
        diag: Where the task is added.
        freq: How often it should publish.
        stamp: How old stamps may be.
    """

    def __init__(
        self, pub: Any, diag: DiagnosticTaskVector, freq: FrequencyStatusParam, stamp: TimeStampStatusParam
    ) -> None:
        super().__init__(pub.topic_name, diag, freq, stamp)
        self.publisher = pub

    def publish(self, message: Any) -> None:
        """Publish a message."""
        self.tick(Time.from_msg(message.header.stamp))
        self.publisher.publish(message)
