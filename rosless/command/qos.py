# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Quality of service as options, and the one that fits what is already there."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rclpy.node import Node
    from rclpy.qos import QoSProfile


class Preset(str, Enum):
    """Profiles by name."""

    default = 'default'
    system_default = 'system_default'
    sensor_data = 'sensor_data'
    services_default = 'services_default'
    parameters = 'parameters'
    parameter_events = 'parameter_events'
    action_status_default = 'action_status_default'


class Reliability(str, Enum):
    """Whether lost messages are sent again."""

    reliable = 'reliable'
    best_effort = 'best_effort'


class Durability(str, Enum):
    """Whether late subscriptions get old messages."""

    transient_local = 'transient_local'
    volatile = 'volatile'


class History(str, Enum):
    """Which messages are kept."""

    keep_last = 'keep_last'
    keep_all = 'keep_all'


PresetOption = Annotated[Preset | None, typer.Option('--qos-profile', help='Profile to begin with.')]
DepthOption = Annotated[int | None, typer.Option('--qos-depth', metavar='N', min=1, help='Messages that are kept.')]
HistoryOption = Annotated[History | None, typer.Option('--qos-history', help='Which messages are kept.')]
ReliabilityOption = Annotated[
    Reliability | None, typer.Option('--qos-reliability', help='Whether lost messages are sent again.')
]
DurabilityOption = Annotated[
    Durability | None, typer.Option('--qos-durability', help='Whether late subscriptions get old messages.')
]


def profile(
    preset: Preset, depth: int | None, history: History | None, reliability: Reliability | None,
    durability: Durability | None,
) -> QoSProfile:  # fmt: skip
    """A preset with some policies changed."""
    from rclpy.qos import (
        DurabilityPolicy,
        HistoryPolicy,
        QoSPresetProfiles,
        ReliabilityPolicy,
    )

    changes: dict[str, Any] = {'depth': depth} if depth is not None else {}
    for name, policy, chosen in (
        ('history', HistoryPolicy, history),
        ('reliability', ReliabilityPolicy, reliability),
        ('durability', DurabilityPolicy, durability),
    ):
        if chosen is not None:
            changes[name] = policy[chosen.value.upper()]
    return changed(QoSPresetProfiles.get_from_short_key(preset.value), **changes)


def changed(qos: QoSProfile, **changes: Any) -> QoSProfile:
    """A copy of a profile with other policies."""
    from rclpy.qos import QoSProfile

    policies = [slot.removeprefix('_') for slot in QoSProfile.__slots__]
    return QoSProfile(**{name: getattr(qos, name) for name in policies} | changes)


def fitting(node: Node, topic: str, preset: Preset = Preset.sensor_data) -> QoSProfile:
    """A profile for a subscription that hears all publishers of a topic, and as much of them as they offer."""
    from rclpy.qos import DurabilityPolicy, ReliabilityPolicy

    qos = profile(preset, None, None, None, None)
    offered = [info.qos_profile for info in node.get_publishers_info_by_topic(topic)]
    if not offered:
        return qos
    reliable = sum(one.reliability == ReliabilityPolicy.RELIABLE for one in offered)
    latched = sum(one.durability == DurabilityPolicy.TRANSIENT_LOCAL for one in offered)
    for count, name, instead in ((reliable, 'RELIABLE', 'BEST_EFFORT'), (latched, 'TRANSIENT_LOCAL', 'VOLATILE')):
        if 0 < count < len(offered):
            typer.echo(f'Some, but not all, publishers of {topic} offer {name}; {instead} hears them all.', err=True)
    all_latched = latched == len(offered)
    return changed(
        qos,
        reliability=ReliabilityPolicy.RELIABLE if reliable == len(offered) else ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if all_latched else DurabilityPolicy.VOLATILE,
        # Old messages of all of them, not only the last few.
        depth=max(qos.depth, sum(one.depth for one in offered)) if all_latched else qos.depth,
    )
