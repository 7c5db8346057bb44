# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""``neumap run``: the ROS 2 nodes, on ROS 2 where it is installed, else on rosless."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neumap_ros.errors import ConfigError


def run(
    nodes: Annotated[
        list[str], typer.Argument(metavar='NODE...', help='localizer, map_server, evaluator, or several of them.')
    ],
    params_file: Annotated[
        list[Path] | None, typer.Option(help='ROS parameter file; repeatable, the last one counts.')
    ] = None,
    param: Annotated[
        list[str] | None, typer.Option('--param', '-p', help='name:=value, or node:name:=value; repeatable.')
    ] = None,
    remap: Annotated[
        list[str] | None, typer.Option('--remap', '-r', help='from:=to, such as camera/image:=front/image_raw.')
    ] = None,
    log_level: Annotated[str | None, typer.Option(help='debug, info, warn, error or fatal.')] = None,
) -> None:
    """Run nodes in one process until Ctrl-C. Where there is no ROS 2, rosless speaks to the robot.

    Example: neumap run map_server localizer -p map.uri:=office_map -r camera/image:=front/image_raw
    """
    arguments = ['--ros-args']
    for file in params_file or []:
        if not file.is_file():
            raise ConfigError(f'there is no parameter file {file}; check the path')
        arguments += ['--params-file', str(file)]
    for option, texts in (('-p', param), ('-r', remap)):
        for text in texts or []:
            if ':=' not in text:
                raise ConfigError(f'{option} is {text!r}, expected {"name:=value" if option == "-p" else "from:=to"}')
            arguments += [option, text]
    if log_level is not None:
        arguments += ['--log-level', log_level]

    import rosless

    rosless.activate()
    try:
        from neumap_ros.nodes import main
    except ImportError as error:
        raise ConfigError(
            f'the nodes need ROS 2 or rosless, and neither can be loaded ({error}); install ROS 2 and source its '
            "setup file, or pip install 'neumap_ros[rosless]'"
        ) from None

    raise typer.Exit(main.run(nodes, arguments))
