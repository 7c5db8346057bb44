# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Who looks for whom: the environment variables of ROS 2, as a configuration for Cyclone DDS."""

from __future__ import annotations

import contextlib
import logging
import os
import re
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from xml.sax.saxutils import quoteattr

log = logging.getLogger(__name__)

# Every process takes one participant index, which decides its ports; more do not fit between two domains.
MAX_PARTICIPANT_INDEX = 119
# A killed process is noticed when its lease runs out. Cyclone's own 10 s are long for people who watch a node list, but
# right for a network that loses packets.
_LOCAL_TIMES = '<LeaseDuration>5s</LeaseDuration><SPDPInterval>2s</SPDPInterval>'
# Images are fragmented by Cyclone, then by IP; fragments as large as UDP allows cost the least. Acknowledgements as
# quick as these keep a burst of fragments from waiting for the next heartbeat.
_SIZES = '<MaxMessageSize>65500B</MaxMessageSize><FragmentSize>65000B</FragmentSize>'
_ACKNOWLEDGEMENTS = (
    '<NackDelay>2ms</NackDelay><PreEmptiveAckDelay>1ms</PreEmptiveAckDelay>'
    '<HeartbeatInterval min="2ms" minsched="5ms" max="1s">20ms</HeartbeatInterval>'
)
# Cyclone 11 ignores discovery packets from interfaces that it does not use itself, and those of this machine come from
# the loopback interface whichever one the sender uses. With this setting it does not look where they come from. Where
# loopback is its own interface it has to look: only so it knows how to reach the sender.
_ALL_INTERFACES = '<ExtendedPacketInfo>false</ExtendedPacketInfo>'
_NO_MULTICAST = '<AllowMulticast>false</AllowMulticast>'
_LOOPBACK = '<Interfaces><NetworkInterface address="127.0.0.1" multicast="false"/></Interfaces>'


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


def configuration(environment: Mapping[str, str] = os.environ, *, is_cyclone_11: bool = True) -> str:
    """The configuration of a Cyclone DDS domain; `CYCLONEDDS_URI` comes last and so overrides what it also sets.

    Args:
        environment: Where the variables are looked up.
        is_cyclone_11: Whether this version of Cyclone has the settings that version 11 added, and needs.
    """
    reach, peers = discovery_range(environment), static_peers(environment)
    if peers and reach in (Range.OFF, Range.SYSTEM_DEFAULT):
        log.warning('ROS_STATIC_PEERS is ignored because ROS_AUTOMATIC_DISCOVERY_RANGE is %s', reach.value)
    user = environment.get('CYCLONEDDS_URI', '')
    general, discovery = _SIZES, ''
    if reach in (Range.LOCALHOST, Range.SUBNET):
        # Processes of this machine find each other also where multicast does not work, or only one of them uses it.
        discovery = (
            '<ParticipantIndex>auto</ParticipantIndex>'
            f'<MaxAutoParticipantIndex>{MAX_PARTICIPANT_INDEX}</MaxAutoParticipantIndex>'
            + _peers(['127.0.0.1', *peers], can_prune=is_cyclone_11)
        )
    is_loopback = reach is Range.LOCALHOST and not peers and not _selects_interface(user)
    if reach is Range.LOCALHOST:
        general += _NO_MULTICAST + (_LOOPBACK if is_loopback else '')
        discovery += _LOCAL_TIMES
    elif reach is Range.OFF:
        general += _NO_MULTICAST
        # Nobody else has this tag, so nobody is found.
        discovery = f'<ParticipantIndex>none</ParticipantIndex><Tag>ros_discovery_off_{os.getpid()}</Tag>'
    sections = {
        'General': general,
        'Discovery': discovery,
        'Internal': _ACKNOWLEDGEMENTS + (_ALL_INTERFACES if is_cyclone_11 and not is_loopback else ''),
    }
    content = ''.join(f'<{name}>{text}</{name}>' for name, text in sections.items() if text)
    own = f'<CycloneDDS><Domain id="any">{content}</Domain></CycloneDDS>'
    return f'{own},{user}' if user else own


def _peers(addresses: list[str], *, can_prune: bool) -> str:
    # Otherwise Cyclone 11 gives up on those that do not answer at first.
    for_ever = ' PruneDelay="inf"' if can_prune else ''
    return f'<Peers>{"".join(f"<Peer Address={quoteattr(peer)}{for_ever}/>" for peer in addresses)}</Peers>'


def _selects_interface(user: str) -> bool:
    """Whether the user's configuration, XML or a list of files, chooses the network interfaces."""
    texts = [user]
    for path in re.findall(r'file://([^,]+)', user):
        # That it cannot be read is for Cyclone to say.
        with contextlib.suppress(OSError):
            texts.append(Path(path).read_text(errors='replace'))
    return any('NetworkInterface' in text for text in texts)
