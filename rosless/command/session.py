# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the commands share: a node that looks at the graph, waiting for discovery, errors as one line."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from typer.core import TyperGroup

import rosless

if TYPE_CHECKING:
    from rclpy.client import Client
    from rclpy.node import Node

T = TypeVar('T')

EXIT_ERROR = 1
_POLL_S = 0.02
# Nodes of one machine find each other within a tenth of a second; a robot in the network may take longer.
_QUIET_S, _LEAST_S, _MOST_S = 0.3, 0.5, 3.0

SpinTime = Annotated[
    float | None,
    typer.Option('--spin-time', min=0.0, help='Seconds to look for nodes; default: until no more appear.'),
]


class CommandError(Exception):
    """The command cannot do what was asked for."""


class Commands(TyperGroup):
    """The commands; errors that users can do something about become one line here and nowhere else."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            # Who reads the output has seen enough; Python must not try to write the rest when it exits.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(0) from None
        except Exception as error:
            if not _is_expected(error):
                raise
            typer.echo(str(error), err=True)
            raise typer.Exit(EXIT_ERROR) from None


def _is_expected(error: Exception) -> bool:
    from rosless.dds import DdsError, LibraryMissingError
    from rosless.interfaces import InterfaceError

    if isinstance(error, (CommandError, InterfaceError, DdsError, LibraryMissingError)):
        return True
    if 'rclpy' not in sys.modules:
        return False
    from rclpy.exceptions import NameValidationException

    return isinstance(error, NameValidationException)


@contextmanager
def open_node() -> Iterator[Node]:
    """A node that others do not see in their lists.

    Raises:
        CommandError: ROS 2 is installed, whose own command knows its nodes better.
    """
    rosless.activate()
    import rclpy
    from rclpy.executors import ExternalShutdownException
    from rclpy.node import Node

    if not hasattr(rclpy, '__file__') or 'rosless' not in str(rclpy.__file__):
        raise CommandError('ROS 2 is installed here; use its command ros2 instead of rosless')
    rclpy.init(args=[])
    try:
        node = Node(f'_rosless_{os.getpid()}', enable_rosout=False, start_parameter_services=False)
        yield node
        node.destroy_node()
    except (KeyboardInterrupt, ExternalShutdownException):
        pass  # Ctrl-C is how one ends a command that goes on for ever.
    finally:
        rclpy.try_shutdown()


def discover(node: Node, spin_time: float | None) -> None:
    """Wait until the graph is known: for a given time, or until it changes no more."""
    if spin_time is not None:
        time.sleep(spin_time)
        return
    start = last_change = time.monotonic()
    seen: Any = None
    while (now := time.monotonic()) < start + _MOST_S:
        present = (node.get_node_names(), node.get_topic_names_and_types(), node.get_service_names_and_types())
        if present != seen:
            seen, last_change = present, now
        if now > max(start + _LEAST_S, last_change + _QUIET_S):
            return
        time.sleep(_POLL_S)


def wait_for(look: Callable[[], T], timeout: float | None) -> T:
    """What a function returns as soon as it is true, or at last after a timeout, by default three seconds."""
    deadline = time.monotonic() + (_MOST_S if timeout is None else timeout)
    while not (found := look()) and time.monotonic() < deadline:
        time.sleep(_POLL_S)
    return found


def absolute(name: str) -> str:
    """The name of a node with the leading slash."""
    return name if name.startswith('/') else f'/{name}'


def is_hidden(name: str) -> bool:
    """Whether a name has a part that begins with an underscore."""
    return any(part.startswith('_') for part in name.split('/'))


def find_node(node: Node, name: str, spin_time: float | None) -> str:
    """The full name of a node that exists.

    Raises:
        CommandError: There is none.
    """
    full = absolute(name)
    if not wait_for(lambda: full in node.get_fully_qualified_node_names(), spin_time):
        raise CommandError('Node not found')
    return full


def call(node: Node, client: Client, request: Any, timeout: float | None = None) -> Any:
    """Call a service and return its response.

    Raises:
        CommandError: It does not exist, or does not answer in time.
    """
    import rclpy

    if not client.wait_for_service(timeout_sec=timeout):
        raise CommandError(f'the service {client.service_name} is not available')
    future = client.call_async(request)
    rclpy.spin_until_future_complete(node, future, timeout_sec=timeout)
    if not future.done():
        raise CommandError(f'the service {client.service_name} did not answer within {timeout} s')
    return future.result()
