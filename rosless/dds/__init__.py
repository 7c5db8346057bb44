# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Serialised samples over Cyclone DDS, named and announced as ROS 2 does it; nothing here knows message classes."""

from rosless.dds.endpoints import Endpoint, Peer, Reader, Sample, Writer
from rosless.dds.errors import DdsError, LibraryMissingError
from rosless.dds.participant import Participant
from rosless.dds.qos import INFINITE, Qos
from rosless.dds.waitset import Guard, Waitset

__all__ = [
    'INFINITE',
    'DdsError',
    'Endpoint',
    'Guard',
    'LibraryMissingError',
    'Participant',
    'Peer',
    'Qos',
    'Reader',
    'Sample',
    'Waitset',
    'Writer',
]
