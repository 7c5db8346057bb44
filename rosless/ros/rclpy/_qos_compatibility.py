# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which profiles fit together, and which profile fits best to those that exist."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from enum import IntEnum

from rclpy.duration import Duration
from rclpy.qos import (
    DeadlineBestAvailable,
    DurabilityPolicy,
    LivelinessLeaseDurationeBestAvailable,
    LivelinessPolicy,
    QoSPolicyEnum,
    QoSProfile,
    ReliabilityPolicy,
)
from rosless.dds import INFINITE


class QoSCompatibility(IntEnum):
    """Whether a publisher and a subscription can communicate."""

    OK = 0
    WARNING = 1
    ERROR = 2


# For each policy what a publisher offers at least and what a subscription can ask for at most.
_LADDERS: tuple[tuple[str, QoSPolicyEnum, QoSPolicyEnum], ...] = (
    ('reliability', ReliabilityPolicy.BEST_EFFORT, ReliabilityPolicy.RELIABLE),
    ('durability', DurabilityPolicy.VOLATILE, DurabilityPolicy.TRANSIENT_LOCAL),
    ('liveliness', LivelinessPolicy.AUTOMATIC, LivelinessPolicy.MANUAL_BY_TOPIC),
)


def qos_check_compatible(publisher_qos: QoSProfile, subscription_qos: QoSProfile) -> tuple[QoSCompatibility, str]:
    """Whether a publisher and a subscription with these profiles communicate, and why not.

    Returns:
        WARNING where that depends on what a system default is; the reasons are separated by semicolons.
    """
    errors, warnings = [], []
    for policy, least, most in _LADDERS:
        offered, requested = getattr(publisher_qos, policy), getattr(subscription_qos, policy)
        if offered == least and requested == most:
            errors.append(f'ERROR: publisher {policy} is {_name(offered)}, but subscription needs {_name(requested)};')
        elif (_unclear(offered) or offered == least) and (_unclear(requested) or requested == most):
            # At least one of the two is unclear.
            warnings.append(_perhaps(policy, offered, requested))
    for policy in ('deadline', 'liveliness_lease_duration'):
        longest, wanted = getattr(publisher_qos, policy).nanoseconds, getattr(subscription_qos, policy).nanoseconds
        if wanted and not longest:
            errors.append(f'ERROR: subscription has a {policy}, but publisher has none;')
        elif wanted and wanted < longest:
            errors.append(f'ERROR: subscription {policy} is shorter than that of the publisher;')
    if errors:
        return QoSCompatibility.ERROR, ''.join(errors)
    return (QoSCompatibility.WARNING if warnings else QoSCompatibility.OK), ''.join(warnings)


def _name(value: QoSPolicyEnum) -> str:
    return value.name.lower()


def _unclear(value: QoSPolicyEnum) -> bool:
    return value.name in ('SYSTEM_DEFAULT', 'UNKNOWN')


def _perhaps(policy: str, offered: QoSPolicyEnum, requested: QoSPolicyEnum) -> str:
    return f'WARNING: publisher {policy} is {_name(offered)} and subscription {policy} is {_name(requested)};'


def best_available(qos: QoSProfile, peers: Sequence[QoSProfile], *, is_publisher: bool) -> QoSProfile:
    """Replace BEST_AVAILABLE by the most that works with all peers that exist now.

    Args:
        qos: Profile with or without such policies.
        peers: Profiles of the subscriptions, or publishers, of the topic.
        is_publisher: Whose profile it is.
    """
    chosen = copy.copy(qos)
    for policy, least, most in _LADDERS:
        if getattr(qos, policy).name == 'BEST_AVAILABLE':
            wanted = [getattr(peer, policy) == most for peer in peers]
            # A publisher that offers the most suits everybody; that it has to assert its liveliness is a burden.
            met = all(wanted) if not is_publisher else policy != 'liveliness' or any(wanted)
            setattr(chosen, policy, most if met else least)
    for policy, marker in (
        ('deadline', DeadlineBestAvailable),
        ('liveliness_lease_duration', LivelinessLeaseDurationeBestAvailable),
    ):
        if getattr(qos, policy) == marker:
            limits = [limit for peer in peers if 0 < (limit := getattr(peer, policy).nanoseconds) < INFINITE]
            limit = (min if is_publisher else max)(limits, default=0)
            setattr(chosen, policy, Duration(nanoseconds=limit))
    return chosen
