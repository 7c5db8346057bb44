# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`rosless run`: a node file as it is, without a line about rosless in it."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from typing import Annotated

import typer

import rosless
from rosless.command.session import CommandError

# Everything after the file is for the node.
CONTEXT_SETTINGS = {'allow_extra_args': True, 'ignore_unknown_options': True, 'allow_interspersed_args': False}


def run(
    context: typer.Context,
    node: Annotated[str, typer.Argument(metavar='FILE', help='Python file, or with -m a module.')],
    is_module: Annotated[bool, typer.Option('-m', help='FILE is the name of a module.')] = False,
) -> None:
    """Run a Python file of rclpy code; what follows it are its arguments.

    Example: rosless run talker.py --ros-args -p rate:=10.0 -r chatter:=talk
    """
    rosless.activate()
    sys.argv = [node, *context.args]
    if is_module:
        sys.path.insert(0, '')
        runpy.run_module(node, run_name='__main__', alter_sys=True)
        return
    if not Path(node).is_file():
        raise CommandError(f'there is no file {node}')
    sys.path.insert(0, str(Path(node).resolve().parent))
    runpy.run_path(node, run_name='__main__')
