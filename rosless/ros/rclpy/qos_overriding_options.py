# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""QoS of publishers and subscriptions that users can change with parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Literal

from rcl_interfaces.msg import ParameterDescriptor, SetParametersResult

from rclpy.duration import Duration
from rclpy.exceptions import ParameterAlreadyDeclaredException
from rclpy.qos import (
    DurabilityPolicy,
    HistoryPolicy,
    LivelinessPolicy,
    QoSPolicyEnum,
    QoSPolicyKind,
    QoSProfile,
    ReliabilityPolicy,
)

if TYPE_CHECKING:
    from rclpy.node import Node

QosCallbackType = Callable[[QoSProfile], SetParametersResult]

_ENUMS: dict[QoSPolicyKind, type[QoSPolicyEnum]] = {
    QoSPolicyKind.HISTORY: HistoryPolicy,
    QoSPolicyKind.RELIABILITY: ReliabilityPolicy,
    QoSPolicyKind.DURABILITY: DurabilityPolicy,
    QoSPolicyKind.LIVELINESS: LivelinessPolicy,
}
_DURATIONS = (QoSPolicyKind.DEADLINE, QoSPolicyKind.LIFESPAN, QoSPolicyKind.LIVELINESS_LEASE_DURATION)


class InvalidQosOverridesError(Exception):
    """A validation callback rejects the profile that the parameters give."""


class QoSOverridingOptions:
    """Which policies get a parameter.

    Args:
        policy_kinds: Those that do.
        callback: Looks at the profile after the parameters were applied and accepts or rejects it.
        entity_id: Part of the parameters' names, for several publishers or subscriptions of one topic.
    """

    def __init__(
        self,
        policy_kinds: Iterable[QoSPolicyKind],
        *,
        callback: QosCallbackType | None = None,
        entity_id: str | None = None,
    ) -> None:
        self._policy_kinds = policy_kinds
        self._callback = callback
        self._entity_id = entity_id

    @property
    def policy_kinds(self) -> Iterable[QoSPolicyKind]:
        """The policies that get a parameter."""
        return self._policy_kinds

    @property
    def callback(self) -> QosCallbackType | None:
        """What accepts or rejects the profile."""
        return self._callback

    @property
    def entity_id(self) -> str | None:
        """Part of the parameters' names."""
        return self._entity_id

    @classmethod
    def with_default_policies(
        cls, *, callback: QosCallbackType | None = None, entity_id: str | None = None
    ) -> QoSOverridingOptions:
        """Parameters for history, depth and reliability."""
        kinds = (QoSPolicyKind.HISTORY, QoSPolicyKind.DEPTH, QoSPolicyKind.RELIABILITY)
        return cls(kinds, callback=callback, entity_id=entity_id)


def override_qos(
    node: Node,
    entity: Literal['publisher', 'subscription'],
    topic: str,
    qos: QoSProfile,
    options: QoSOverridingOptions,
) -> None:
    """Declare the parameters `qos_overrides.<topic>.<entity>.<policy>`, read-only, and apply their values to a profile.

    Raises:
        InvalidQosOverridesError: The callback rejects the profile.
        ValueError: A parameter names no value of its policy.
    """
    suffix = '' if options.entity_id is None else f'_{options.entity_id}'
    for policy in options.policy_kinds:
        if entity == 'subscription' and policy == QoSPolicyKind.LIFESPAN:
            continue  # Only publishers have one.
        attribute = policy.name.lower()
        name = f'qos_overrides.{topic}.{entity}{suffix}.{attribute}'
        descriptor = ParameterDescriptor(read_only=True)
        descriptor.description = f'{attribute} for {entity} `{topic}` with id `{options.entity_id}`'
        try:
            value = node.declare_parameter(name, _to_parameter(qos, policy), descriptor).value
        except ParameterAlreadyDeclaredException:
            value = node.get_parameter(name).value
        setattr(qos, attribute, _from_parameter(name, policy, value))
    if options.callback is not None:
        result = options.callback(qos)
        if not result.successful:
            raise InvalidQosOverridesError(
                f'the QoS overrides of {entity} `{topic}` with id `{options.entity_id}` are not valid: {result.reason}'
            )


def _to_parameter(qos: QoSProfile, policy: QoSPolicyKind) -> str | int | bool:
    value = getattr(qos, policy.name.lower())
    if policy in _ENUMS:
        if value.name == 'UNKNOWN':
            raise ValueError(f'the {policy.name.lower()} of a QoS profile that can be overridden must not be UNKNOWN')
        return str(value.name.lower())
    return int(value.nanoseconds) if policy in _DURATIONS else value


def _from_parameter(name: str, policy: QoSPolicyKind, value: str | int | bool) -> object:
    if policy in _DURATIONS:
        return Duration(nanoseconds=int(value))
    if policy not in _ENUMS:
        return value
    try:
        return _ENUMS[policy][str(value).upper()]
    except KeyError:
        names = ', '.join(_ENUMS[policy].short_keys())
        raise ValueError(f'parameter {name} is {value!r}, expected one of {names}') from None
