# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The kinds of events of publishers and subscriptions, and what a callback is told about each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from rclpy.qos import QoSPolicyKind
from rosless.dds.status import Policy, Status

_POLICIES = {
    Policy.DURABILITY: QoSPolicyKind.DURABILITY,
    Policy.DEADLINE: QoSPolicyKind.DEADLINE,
    Policy.LIVELINESS: QoSPolicyKind.LIVELINESS,
    Policy.RELIABILITY: QoSPolicyKind.RELIABILITY,
}


class QoSPublisherEventType(IntEnum):
    """The events of a publisher."""

    RCL_PUBLISHER_OFFERED_DEADLINE_MISSED = 0
    RCL_PUBLISHER_LIVELINESS_LOST = 1
    RCL_PUBLISHER_OFFERED_INCOMPATIBLE_QOS = 2
    RCL_PUBLISHER_INCOMPATIBLE_TYPE = 3
    RCL_PUBLISHER_MATCHED = 4


class QoSSubscriptionEventType(IntEnum):
    """The events of a subscription."""

    RCL_SUBSCRIPTION_REQUESTED_DEADLINE_MISSED = 0
    RCL_SUBSCRIPTION_LIVELINESS_CHANGED = 1
    RCL_SUBSCRIPTION_REQUESTED_INCOMPATIBLE_QOS = 2
    RCL_SUBSCRIPTION_MESSAGE_LOST = 3
    RCL_SUBSCRIPTION_INCOMPATIBLE_TYPE = 4
    RCL_SUBSCRIPTION_MATCHED = 5


@dataclass(frozen=True)
class QoSRequestedDeadlineMissedInfo:
    """How often no message came in time."""

    total_count: int
    total_count_change: int


@dataclass(frozen=True)
class QoSOfferedDeadlineMissedInfo:
    """How often nothing was published in time."""

    total_count: int
    total_count_change: int


@dataclass(frozen=True)
class QoSLivelinessChangedInfo:
    """How many matched publishers are alive, and how many have fallen silent."""

    alive_count: int
    not_alive_count: int
    alive_count_change: int
    not_alive_count_change: int


@dataclass(frozen=True)
class QoSLivelinessLostInfo:
    """How often the publisher did not show in time that it is alive."""

    total_count: int
    total_count_change: int


@dataclass(frozen=True)
class QoSMessageLostInfo:
    """How many messages were lost on the way."""

    total_count: int
    total_count_change: int


@dataclass(frozen=True)
class QoSRequestedIncompatibleQoSInfo:
    """How many publishers do not fit, and over which policy the last one disagrees."""

    total_count: int
    total_count_change: int
    last_policy_kind: QoSPolicyKind


QoSOfferedIncompatibleQoSInfo = QoSRequestedIncompatibleQoSInfo


@dataclass(frozen=True)
class IncompatibleTypeInfo:
    """How many endpoints of the topic have another type, and, in words, which the new ones have."""

    total_count: int
    total_count_change: int
    detail: str


@dataclass(frozen=True)
class QoSSubscriptionMatchedInfo:
    """How many publishers are connected."""

    total_count: int
    total_count_change: int
    current_count: int
    current_count_change: int


QoSPublisherMatchedInfo = QoSSubscriptionMatchedInfo


class UnsupportedEventTypeError(RuntimeError):
    """Never raised: all events are supported. Nodes catch it."""


def _deadline(kind: type[Any]) -> Callable[[dict[str, int]], Any]:
    return lambda status: kind(status['total_count'], status['total_count_change'])


def _qos(status: dict[str, int]) -> QoSRequestedIncompatibleQoSInfo:
    known = status['last_policy'] in Policy.__members__.values()
    policy = _POLICIES[Policy(status['last_policy'])] if known else QoSPolicyKind.INVALID
    return QoSRequestedIncompatibleQoSInfo(status['total_count'], status['total_count_change'], policy)


def _matched(status: dict[str, int]) -> QoSSubscriptionMatchedInfo:
    return QoSSubscriptionMatchedInfo(
        status['total_count'], status['total_count_change'], status['current_count'], status['current_count_change']
    )


def _liveliness(status: dict[str, int]) -> QoSLivelinessChangedInfo:
    return QoSLivelinessChangedInfo(
        status['alive_count'],
        status['not_alive_count'],
        status['alive_count_change'],
        status['not_alive_count_change'],
    )


# What DDS calls the events, and how its counts become what a callback gets. DDS knows no event for wrong types.
Sources = dict[IntEnum, tuple[Status, Callable[[dict[str, int]], Any]]]
PUBLISHER_SOURCES: Sources = {
    QoSPublisherEventType.RCL_PUBLISHER_OFFERED_DEADLINE_MISSED: (
        Status.OFFERED_DEADLINE_MISSED,
        _deadline(QoSOfferedDeadlineMissedInfo),
    ),
    QoSPublisherEventType.RCL_PUBLISHER_LIVELINESS_LOST: (Status.LIVELINESS_LOST, _deadline(QoSLivelinessLostInfo)),
    QoSPublisherEventType.RCL_PUBLISHER_OFFERED_INCOMPATIBLE_QOS: (Status.OFFERED_INCOMPATIBLE_QOS, _qos),
    QoSPublisherEventType.RCL_PUBLISHER_MATCHED: (Status.PUBLICATION_MATCHED, _matched),
}
SUBSCRIPTION_SOURCES: Sources = {
    QoSSubscriptionEventType.RCL_SUBSCRIPTION_REQUESTED_DEADLINE_MISSED: (
        Status.REQUESTED_DEADLINE_MISSED,
        _deadline(QoSRequestedDeadlineMissedInfo),
    ),
    QoSSubscriptionEventType.RCL_SUBSCRIPTION_LIVELINESS_CHANGED: (Status.LIVELINESS_CHANGED, _liveliness),
    QoSSubscriptionEventType.RCL_SUBSCRIPTION_REQUESTED_INCOMPATIBLE_QOS: (Status.REQUESTED_INCOMPATIBLE_QOS, _qos),
    QoSSubscriptionEventType.RCL_SUBSCRIPTION_MESSAGE_LOST: (Status.SAMPLE_LOST, _deadline(QoSMessageLostInfo)),
    QoSSubscriptionEventType.RCL_SUBSCRIPTION_MATCHED: (Status.SUBSCRIPTION_MATCHED, _matched),
}
