# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Messages and services: their definitions, their classes and their bytes."""

from rosless.interfaces.codec import deserialize, serialize
from rosless.interfaces.definitions import InterfaceError
from rosless.interfaces.folders import add_folder
from rosless.interfaces.hashes import type_hash
from rosless.interfaces.message import Message
from rosless.interfaces.registry import load, names, type_name
from rosless.interfaces.standard import packages
from rosless.interfaces.text import add_definitions, definition_text
from rosless.interfaces.values import from_dict, to_dict

__all__ = [
    'InterfaceError',
    'Message',
    'add_definitions',
    'add_folder',
    'definition_text',
    'deserialize',
    'from_dict',
    'load',
    'names',
    'packages',
    'serialize',
    'to_dict',
    'type_hash',
    'type_name',
]
