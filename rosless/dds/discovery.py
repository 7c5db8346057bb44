# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Who looks for whom: the environment variables of ROS 2, as a configuration for Cyclone DDS."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from enum import Enum
from xml.sax.saxutils import quoteattr

log = logging.getLogger(__name__)

# Every process takes one participant index, which decides its ports; 120 is the most that fit between two domains.
MAX_PARTICIPANT_INDEX = 119
# A killed process is noticed when its lease runs out; Cyclone's own 10 s is long for people who watch a node list.
LOCAL_LEASE = '5s'
# Images are fragmented by Cyclone, then by IP; fragments as large as UDP allows cost the least. Acknowledgements as
# quick as these keep a burst of fragments from waiting for the next heartbeat.
_TRANSPORT = (
    '<General><MaxMessageSize>65500B</MaxMessageSize><FragmentSize>65000B</FragmentSize></General>'
    '<Internal><NackDelay>2ms</NackDelay>'
    '<HeartbeatInterval min="2ms" minsched="5ms" max="1s">20ms</HeartbeatInterval></Internal>'
)


class Range(Enum):
    """How far automatic discovery reaches; the names are those of `ROS_AUTOMATIC_DISCOVERY_RANGE`."""

    OFF = 'OFF'
    LOCALHOST = 'LOCALHOST'
    SUBNET = 'SUBNET'
    SYSTEM_DEFAULT = 'SYSTEM_DEFAULT'


def domain_id(environment: Mapping[str, str] = os.environ) -> int:
    """The domain of `ROS_DOMAIN_ID`, 0 where it is not set.

    Raises:
        ValueError: It is not a number from 0 to 232.
    """
    text = environment.get('ROS_DOMAIN_ID', '').strip()
    if not text:
        return 0
    if not text.isdecimal() or int(text) > 232:
        raise ValueError(f'ROS_DOMAIN_ID is {text!r}; it must be a number from 0 to 232')
    return int(text)


def discovery_range(environment: Mapping[str, str] = os.environ) -> Range:
    """The range of `ROS_AUTOMATIC_DISCOVERY_RANGE`; `ROS_LOCALHOST_ONLY`, its predecessor, wins where it is 1."""
    if environment.get('ROS_LOCALHOST_ONLY') == '1':
        return Range.LOCALHOST
    text = environment.get('ROS_AUTOMATIC_DISCOVERY_RANGE', '')
    try:
        return Range(text or 'SUBNET')
    except ValueError:
        log.warning(
            'ROS_AUTOMATIC_DISCOVERY_RANGE is %r, expected one of %s; LOCALHOST is used',
            text,
            ', '.join(known.value for known in Range),
        )
        return Range.LOCALHOST


def static_peers(environment: Mapping[str, str] = os.environ) -> list[str]:
    """The addresses in `ROS_STATIC_PEERS`, which separates them by semicolons."""
    return [peer for peer in environment.get('ROS_STATIC_PEERS', '').replace(' ', '').split(';') if peer]


def configuration(environment: Mapping[str, str] = os.environ) -> str:
    """The configuration of a Cyclone DDS domain; `CYCLONEDDS_URI` comes last and so overrides what it also sets."""
    reach, peers = discovery_range(environment), static_peers(environment)
    if peers and reach in (Range.OFF, Range.SYSTEM_DEFAULT):
        log.warning('ROS_STATIC_PEERS is ignored because ROS_AUTOMATIC_DISCOVERY_RANGE is %s', reach.value)
    user = environment.get('CYCLONEDDS_URI', '')
    general, discovery = '', ''
    index = '<ParticipantIndex>auto</ParticipantIndex>'
    index += f'<MaxAutoParticipantIndex>{MAX_PARTICIPANT_INDEX}</MaxAutoParticipantIndex>'
    if reach is Range.LOCALHOST:
        general = _loopback(user) + '<AllowMulticast>false</AllowMulticast>'
        discovery = index + _peers(['127.0.0.1', *peers]) + f'<LeaseDuration>{LOCAL_LEASE}</LeaseDuration>'
    elif reach is Range.SUBNET:
        discovery = index + _peers(peers)
    elif reach is Range.OFF:
        general = '<AllowMulticast>false</AllowMulticast>'
        # Nobody else has this tag, so nobody is found.
        tag = f'<Tag>ros_discovery_off_{os.getpid()}</Tag>'
        discovery = '<ParticipantIndex>none</ParticipantIndex>' + tag
    own = f'<General>{general}</General>' if general else ''
    own += f'<Discovery>{discovery}</Discovery>' if discovery else ''
    return ','.join(part for part in (_domain(_TRANSPORT), _domain(own) if own else '', user) if part)


def _domain(content: str) -> str:
    return f'<CycloneDDS><Domain id="any">{content}</Domain></CycloneDDS>'


def _peers(addresses: list[str]) -> str:
    return f'<Peers>{"".join(f"<Peer address={quoteattr(peer)}/>" for peer in addresses)}</Peers>' if addresses else ''


def _loopback(user: str) -> str:
    """The loopback interface, unless the user chose one: Cyclone would then use both."""
    if 'NetworkInterface' in user:
        return ''
    return '<Interfaces><NetworkInterface address="127.0.0.1" multicast="false"/></Interfaces>'
