# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Messages as bytes."""

from __future__ import annotations

from typing import Any

from rosless import interfaces


def serialize_message(message: Any) -> bytes:
    """The message as CDR, as it is sent and recorded."""
    return bytes(interfaces.serialize(message))


def deserialize_message(serialized_message: bytes, message_type: type[Any]) -> Any:
    """The message that CDR says."""
    return interfaces.deserialize(serialized_message, message_type)
