# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The command `rosless`: what `ros2` does, in the same words, where there is no ROS 2.

The modules import rclpy inside their functions: it exists only after rosless was activated, and --help shall be quick.
"""

from __future__ import annotations

import sys
from io import TextIOWrapper

import typer

from rosless.command import bag, lifecycle, node, param, run, service, topic
from rosless.command.session import Commands

app = typer.Typer(
    name='rosless',
    cls=Commands,
    help='Look at ROS 2 nodes and topics, and talk to them, where no ROS 2 is installed.',
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
for module, name, title in (
    (topic, 'topic', 'Topics: list, echo, publish, measure.'),
    (node, 'node', 'Nodes: list, and what they have.'),
    (param, 'param', 'Parameters of nodes: read and set.'),
    (service, 'service', 'Services: list and call.'),
    (lifecycle, 'lifecycle', 'Lifecycle nodes: their states, and transitions between them.'),
    (bag, 'bag', 'Bags: record and play.'),
):
    app.add_typer(module.app, name=name, help=title, no_args_is_help=True)
app.command('run', context_settings=run.CONTEXT_SETTINGS)(run.run)


def main() -> None:
    """Run the command."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # Also into a pipe: who reads it wants to see it now.
    app()
