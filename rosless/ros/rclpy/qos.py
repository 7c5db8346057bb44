# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Quality of service: profiles, policies, presets, and which of them fit together."""

from __future__ import annotations

import warnings
from enum import Enum, IntEnum
from typing import Any

from rclpy.duration import Duration
from rosless import dds

# Durations of zero mean that the policy is not set; these mean: the strictest that all peers meet.
_NOT_SET = Duration()
DeadlineBestAvailable = Duration(seconds=9223372036, nanoseconds=854775806)
LivelinessLeaseDurationeBestAvailable = Duration(seconds=9223372036, nanoseconds=854775806)


class QoSPolicyKind(IntEnum):
    """The policies of a profile."""

    INVALID = 1 << 0
    DURABILITY = 1 << 1
    DEADLINE = 1 << 2
    LIVELINESS = 1 << 3
    RELIABILITY = 1 << 4
    HISTORY = 1 << 5
    LIFESPAN = 1 << 6
    DEPTH = 1 << 7
    LIVELINESS_LEASE_DURATION = 1 << 8
    AVOID_ROS_NAMESPACE_CONVENTIONS = 1 << 9


def qos_policy_name_from_kind(policy_kind: QoSPolicyKind | int) -> str:
    """The name of a policy."""
    return QoSPolicyKind(policy_kind).name


class InvalidQoSProfileException(Exception):
    """A profile was made with arguments that do not fit together."""

    def __init__(self, *args: object) -> None:
        super().__init__('Invalid QoSProfile', *args)


class QoSPolicyEnum(IntEnum):
    """Base of the policies with names."""

    @classmethod
    def short_keys(cls) -> list[str]:
        """The names as people type them."""
        return [name.lower() for name in cls.__members__]

    @classmethod
    def get_from_short_key(cls, name: str) -> int:
        """The value of a name, in upper or lower case."""
        return cls[name.upper()].value

    @property
    def short_key(self) -> str:
        """The name as people type it."""
        return self.name.lower()


class HistoryPolicy(QoSPolicyEnum):
    """How many messages are kept for those who cannot take them yet."""

    SYSTEM_DEFAULT = 0
    KEEP_LAST = 1
    KEEP_ALL = 2
    UNKNOWN = 3


class ReliabilityPolicy(QoSPolicyEnum):
    """Whether lost messages are sent again."""

    SYSTEM_DEFAULT = 0
    RELIABLE = 1
    BEST_EFFORT = 2
    UNKNOWN = 3
    BEST_AVAILABLE = 4


class DurabilityPolicy(QoSPolicyEnum):
    """Whether late subscriptions get old messages."""

    SYSTEM_DEFAULT = 0
    TRANSIENT_LOCAL = 1
    VOLATILE = 2
    UNKNOWN = 3
    BEST_AVAILABLE = 4


class LivelinessPolicy(QoSPolicyEnum):
    """How a publisher shows that it is alive."""

    SYSTEM_DEFAULT = 0
    AUTOMATIC = 1
    MANUAL_BY_TOPIC = 3
    UNKNOWN = 4
    BEST_AVAILABLE = 5


QoSHistoryPolicy = HistoryPolicy
QoSReliabilityPolicy = ReliabilityPolicy
QoSDurabilityPolicy = DurabilityPolicy
QoSLivelinessPolicy = LivelinessPolicy

_ENUMS: dict[str, type[QoSPolicyEnum]] = {
    'history': HistoryPolicy,
    'reliability': ReliabilityPolicy,
    'durability': DurabilityPolicy,
    'liveliness': LivelinessPolicy,
}
_TYPES: dict[str, type] = {
    'depth': int,
    'lifespan': Duration,
    'deadline': Duration,
    'liveliness_lease_duration': Duration,
    'avoid_ros_namespace_conventions': bool,
}


class QoSProfile:
    """What a publisher offers or a subscription asks for.

    Args:
        kwargs: The attributes below; `history` or `depth` is required, and `depth` with KEEP_LAST.

    Raises:
        InvalidQoSProfileException: Neither or not enough of them is given.
        AssertionError: A value is of a wrong type, or there is no such policy.
    """

    __slots__ = (
        '_avoid_ros_namespace_conventions',
        '_deadline',
        '_depth',
        '_durability',
        '_history',
        '_lifespan',
        '_liveliness',
        '_liveliness_lease_duration',
        '_reliability',
    )
    __hash__ = None  # type: ignore[assignment]

    history: HistoryPolicy
    depth: int
    reliability: ReliabilityPolicy
    durability: DurabilityPolicy
    lifespan: Duration
    deadline: Duration
    liveliness: LivelinessPolicy
    liveliness_lease_duration: Duration
    avoid_ros_namespace_conventions: bool

    def __init__(self, **kwargs: Any) -> None:
        unknown = [name for name in kwargs if f'_{name}' not in self.__slots__]
        assert not unknown, f'Invalid arguments passed to constructor: {unknown}'
        if 'history' not in kwargs:
            if 'depth' not in kwargs:
                raise InvalidQoSProfileException('History and/or depth settings are required.')
            kwargs['history'] = HistoryPolicy.KEEP_LAST
        if kwargs['history'] == HistoryPolicy.KEEP_LAST and 'depth' not in kwargs:
            raise InvalidQoSProfileException('History set to KEEP_LAST without a depth setting.')
        for name, default in _DEFAULTS.items():
            setattr(self, name, kwargs.get(name, default))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, QoSProfile):
            return False
        return all(getattr(self, name) == getattr(other, name) for name in _DEFAULTS)

    def __repr__(self) -> str:
        return f'QoSProfile({", ".join(f"{name}={getattr(self, name)!s}" for name in _DEFAULTS)})'

    def _to_dds(self, user_data: bytes) -> dds.Qos:
        """The same for DDS, where only what is set differs from DDS's own defaults."""
        unclear = [name for name in _ENUMS if getattr(self, name).name == 'UNKNOWN']
        if unclear:
            raise ValueError(f'a QoS profile whose {unclear[0]} is UNKNOWN cannot be used')
        keep_all = self.history == HistoryPolicy.KEEP_ALL
        return dds.Qos(
            depth=None if keep_all else max(1, self.depth),
            reliable=self.reliability != ReliabilityPolicy.BEST_EFFORT,
            transient_local=self.durability == DurabilityPolicy.TRANSIENT_LOCAL,
            deadline_ns=self.deadline.nanoseconds or dds.INFINITE,
            lifespan_ns=self.lifespan.nanoseconds or dds.INFINITE,
            manual_liveliness=self.liveliness == LivelinessPolicy.MANUAL_BY_TOPIC,
            liveliness_lease_ns=self.liveliness_lease_duration.nanoseconds or dds.INFINITE,
            user_data=user_data,
        )

    @classmethod
    def _from_dds(cls, qos: dds.Qos) -> QoSProfile:
        return cls(
            history=HistoryPolicy.KEEP_ALL if qos.depth is None else HistoryPolicy.KEEP_LAST,
            depth=qos.depth or 0,
            reliability=ReliabilityPolicy.RELIABLE if qos.reliable else ReliabilityPolicy.BEST_EFFORT,
            durability=DurabilityPolicy.TRANSIENT_LOCAL if qos.transient_local else DurabilityPolicy.VOLATILE,
            lifespan=Duration(nanoseconds=qos.lifespan_ns),
            deadline=Duration(nanoseconds=qos.deadline_ns),
            liveliness=LivelinessPolicy.MANUAL_BY_TOPIC if qos.manual_liveliness else LivelinessPolicy.AUTOMATIC,
            liveliness_lease_duration=Duration(nanoseconds=qos.liveliness_lease_ns),
        )


def _policy(name: str) -> property:
    slot, kind = f'_{name}', _ENUMS.get(name)

    def get(self: QoSProfile) -> Any:
        return getattr(self, slot)

    def set_(self: QoSProfile, value: Any) -> None:
        expected = int if kind else _TYPES[name]
        assert isinstance(value, expected), f'{name} must be a {(kind or expected).__name__}, got {value!r}'
        if name == 'depth' and value == 0 and self.history == HistoryPolicy.KEEP_LAST:
            warnings.warn('A depth of zero with KEEP_LAST could store nothing; one is used instead.', stacklevel=2)
        setattr(self, slot, kind(value) if kind else value)

    return property(get, set_, doc=f'The policy {name}.')


for _name in (*_ENUMS, *_TYPES):
    setattr(QoSProfile, _name, _policy(_name))

# In the order in which a profile is printed.
_DEFAULTS: dict[str, Any] = {
    'history': HistoryPolicy.KEEP_LAST,
    'depth': 10,
    'reliability': ReliabilityPolicy.RELIABLE,
    'durability': DurabilityPolicy.VOLATILE,
    'lifespan': _NOT_SET,
    'deadline': _NOT_SET,
    'liveliness': LivelinessPolicy.SYSTEM_DEFAULT,
    'liveliness_lease_duration': _NOT_SET,
    'avoid_ros_namespace_conventions': False,
}

qos_profile_unknown = QoSProfile(
    history=HistoryPolicy.UNKNOWN,
    depth=0,
    reliability=ReliabilityPolicy.UNKNOWN,
    durability=DurabilityPolicy.UNKNOWN,
    liveliness=LivelinessPolicy.UNKNOWN,
)
qos_profile_default = QoSProfile(depth=10)
qos_profile_system_default = QoSProfile(
    history=HistoryPolicy.SYSTEM_DEFAULT,
    depth=0,
    reliability=ReliabilityPolicy.SYSTEM_DEFAULT,
    durability=DurabilityPolicy.SYSTEM_DEFAULT,
)
qos_profile_sensor_data = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)
qos_profile_services_default = QoSProfile(depth=10)
qos_profile_parameters = QoSProfile(depth=1000)
qos_profile_parameter_events = QoSProfile(depth=1000)
qos_profile_best_available = QoSProfile(
    depth=10,
    reliability=ReliabilityPolicy.BEST_AVAILABLE,
    durability=DurabilityPolicy.BEST_AVAILABLE,
    deadline=DeadlineBestAvailable,
    liveliness=LivelinessPolicy.BEST_AVAILABLE,
    liveliness_lease_duration=LivelinessLeaseDurationeBestAvailable,
)
qos_profile_action_status_default = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
# Like every node's publisher of log messages.
qos_profile_rosout_default = QoSProfile(
    depth=1000, durability=DurabilityPolicy.TRANSIENT_LOCAL, lifespan=Duration(seconds=10)
)


class QoSPresetProfiles(Enum):
    """The presets by name."""

    UNKNOWN = qos_profile_unknown
    DEFAULT = qos_profile_default
    SYSTEM_DEFAULT = qos_profile_system_default
    SENSOR_DATA = qos_profile_sensor_data
    SERVICES_DEFAULT = qos_profile_services_default
    PARAMETERS = qos_profile_parameters
    PARAMETER_EVENTS = qos_profile_parameter_events
    ACTION_STATUS_DEFAULT = qos_profile_action_status_default
    BEST_AVAILABLE = qos_profile_best_available

    @classmethod
    def short_keys(cls) -> list[str]:
        """The names as people type them."""
        return [name.lower() for name in cls.__members__]

    @classmethod
    def get_from_short_key(cls, name: str) -> QoSProfile:
        """The profile of a name, in upper or lower case."""
        return cls[name.upper()].value


def __getattr__(name: str) -> Any:
    # Lives in a file of its own, which needs this one.
    if name in ('QoSCompatibility', 'qos_check_compatible'):
        from rclpy import _qos_compatibility

        return getattr(_qos_compatibility, name)
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
