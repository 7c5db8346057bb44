# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What Cyclone DDS discovered: participants, readers and writers of the whole domain."""

from __future__ import annotations

import ctypes as ct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rosless.dds import library
from rosless.dds.participant import Participant
from rosless.dds.qos import Qos, read_user_data

_BATCH = 64


@dataclass(frozen=True)
class DiscoveredParticipant:
    """A participant; `user_data` is None when it has left."""

    guid: bytes
    user_data: bytes | None


@dataclass(frozen=True)
class DiscoveredEndpoint:
    """A reader or writer; `qos` is None when it is gone."""

    guid: bytes
    participant: bytes
    topic: str
    type_name: str
    qos: Qos | None


class ParticipantsReader:
    """News of participants."""

    def __init__(self, participant: Participant) -> None:
        self.handle = _create(participant, library.PARTICIPANTS_TOPIC)

    def take(self) -> Iterator[DiscoveredParticipant]:
        """All news since the last call."""
        for sample, alive in _take(self.handle, library.BuiltinParticipant):
            yield DiscoveredParticipant(bytes(sample.key.v), read_user_data(sample.qos) if alive else None)


class EndpointsReader:
    """News of readers or of writers."""

    def __init__(self, participant: Participant, topic: int) -> None:
        self.handle = _create(participant, topic)

    def take(self) -> Iterator[DiscoveredEndpoint]:
        """All news since the last call."""
        for sample, alive in _take(self.handle, library.BuiltinEndpoint):
            guid = bytes(sample.key.v)
            if not alive:
                yield DiscoveredEndpoint(guid, b'', '', '', None)
            elif not sample.topic_name.startswith(b'DCPS'):
                yield DiscoveredEndpoint(
                    guid,
                    bytes(sample.participant_key.v),
                    sample.topic_name.decode(errors='replace'),
                    sample.type_name.decode(errors='replace'),
                    Qos.from_c(sample.qos),
                )


def _create(participant: Participant, topic: int) -> int:
    handle = library.check(library.create_reader(participant.handle, topic, None, None), 'watch the domain')
    return library.check(library.create_read_condition(handle, library.ANY_STATE), 'watch the domain')


def _take(condition: int, structure: Any) -> Iterator[tuple[Any, bool]]:
    while True:
        samples, infos = (ct.c_void_p * _BATCH)(), (library.SampleInfo * _BATCH)()
        count = library.take_samples(condition, samples, infos, _BATCH, _BATCH)
        if count <= 0:  # Nothing more, or the participant is being deleted.
            return
        try:
            for index in range(count):
                alive = infos[index].instance_state == library.INSTANCE_ALIVE and infos[index].valid_data
                yield structure.from_address(samples[index]), alive
        finally:
            library.return_loan(condition, samples, count)
