# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How ROS 2 writes its names and types in DDS."""

from __future__ import annotations

from enum import Enum


class Kind(Enum):
    """What a DDS topic carries; the value is the beginning and the end that ROS 2 puts around the name."""

    TOPIC = ('rt', '')
    REQUEST = ('rq', 'Request')
    REPLY = ('rr', 'Reply')


def dds_topic(name: str, kind: Kind = Kind.TOPIC) -> str:
    """The DDS topic of a full ROS name: `/chatter` becomes `rt/chatter`."""
    return f'{kind.value[0]}{name}{kind.value[1]}'


def ros_name(topic: str) -> tuple[Kind, str] | None:
    """What a DDS topic stands for; None if it is not one of ROS 2."""
    for kind in Kind:
        start, end = kind.value
        if topic.startswith(f'{start}/') and topic.endswith(end):
            return kind, topic[len(start) : len(topic) - len(end)]
    return None


def dds_type(name: str) -> str:
    """`std_msgs/msg/String` becomes `std_msgs::msg::dds_::String_`."""
    *packages, message = name.split('/')
    return '::'.join([*packages, 'dds_', f'{message}_'])


def ros_type(name: str) -> str:
    """The inverse of `dds_type`; a type that is not of ROS 2 stays as it is."""
    *packages, marker, message = ['', *name.split('::')] if '::' in name else ['', '', name]
    if marker != 'dds_' or not message.endswith('_'):
        return name
    return '/'.join([*packages[1:], message[:-1]])


def ros_service_type(name: str) -> str | None:
    """The service of which a DDS type is the request or response; None if it is neither."""
    message = ros_type(name)
    for end in ('_Request', '_Response'):
        if '/srv/' in message and message.endswith(end):
            return message[: -len(end)]
    return None


def parse_user_data(data: bytes) -> dict[str, str]:
    """What ROS 2 writes into user data: `key=value;key=value;`."""
    pairs = (pair.partition('=') for pair in data.decode(errors='replace').split(';') if '=' in pair)
    return {key: value for key, _, value in pairs}
