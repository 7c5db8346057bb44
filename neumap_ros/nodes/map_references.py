# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The parameters ``map.uri``, ``map.revision`` and ``map.sha256`` as one value: they name a revision together."""

from __future__ import annotations

from collections.abc import Sequence

from rclpy.node import Node
from rclpy.parameter import Parameter

from neumap_ros.maps.repository import MapReference

URI, REVISION, SHA256 = 'map.uri', 'map.revision', 'map.sha256'


def completed(node: Node, parameters: list[Parameter]) -> list[Parameter]:
    """Add those of the group that lose their meaning when only others of it are set.

    Another address means its newest revision, a revision alone any digest. A digest alone is one of the revision as it
    is. The same address again changes nothing: files of parameters are often sorted by name, so that it comes last.
    """
    given = {parameter.name: parameter.value for parameter in parameters}
    elsewhere = URI in given and given[URI] != node.get_parameter(URI).value
    added = []
    if elsewhere and REVISION not in given:
        added.append(Parameter(REVISION, Parameter.Type.INTEGER, 0))
    if (elsewhere or REVISION in given) and SHA256 not in given:
        added.append(Parameter(SHA256, Parameter.Type.STRING, ''))
    return [*parameters, *added]


def reference_of(node: Node, changed: Sequence[Parameter]) -> MapReference:
    """What the parameters of a node name, once some of them have changed."""
    values = {name: node.get_parameter(name).value for name in (URI, REVISION, SHA256)}
    values.update({parameter.name: parameter.value for parameter in changed if parameter.name in values})
    return MapReference(uri=values[URI], revision=values[REVISION], sha256=values[SHA256].lower())
