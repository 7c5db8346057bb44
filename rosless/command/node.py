# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`rosless node`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import typer

from rosless.command.session import CommandError, SpinTime, absolute, discover, is_hidden, open_node, wait_for

app = typer.Typer()

NamesAndTypes = list[tuple[str, list[str]]]
_GOAL_SERVICE = '/_action/send_goal'


@app.command('list')
def list_nodes(
    all_nodes: Annotated[bool, typer.Option('--all', '-a', help='Also those with a leading _.')] = False,
    count: Annotated[bool, typer.Option('--count-nodes', '-c', help='Only show how many there are.')] = False,
    spin_time: SpinTime = None,
) -> None:
    """List nodes."""
    with open_node() as node:
        discover(node, spin_time)
        names = sorted(name for name in node.get_fully_qualified_node_names() if all_nodes or not is_hidden(name))
        if count:
            print(len(names))
            return
        if len(set(names)) < len(names):
            typer.echo('WARNING: Be aware that there are nodes in the graph that share an exact name.', err=True)
        for name in names:
            print(name)


@app.command()
def info(
    node_name: Annotated[str, typer.Argument(help='Node, for example /robot/camera.')],
    hidden: Annotated[bool, typer.Option('--include-hidden', help='Also what has a leading _.')] = False,
    spin_time: SpinTime = None,
) -> None:
    """Show what a node publishes, subscribes to, serves and calls."""
    with open_node() as node:
        full = absolute(node_name)
        if not wait_for(lambda: full in node.get_fully_qualified_node_names(), spin_time):
            raise CommandError(f"Unable to find node '{full}'")
        discover(node, spin_time)
        namespace, _, name = full.rpartition('/')
        where = (name, namespace or '/')
        servers = node.get_service_names_and_types_by_node(*where)
        clients = node.get_client_names_and_types_by_node(*where)
        print(full)
        for title, items in (
            ('Subscribers', node.get_subscriber_names_and_types_by_node(*where)),
            ('Publishers', node.get_publisher_names_and_types_by_node(*where)),
            ('Service Servers', servers),
            ('Service Clients', clients),
        ):
            _print(title, (item for item in items if hidden or not is_hidden(item[0])))
        _print('Action Servers', _actions(servers))
        _print('Action Clients', _actions(clients))


def _print(title: str, items: Iterable[tuple[str, list[str]]]) -> None:
    print(f'  {title}:')
    lines = [f'    {name}: {", ".join(types)}' for name, types in items]
    print('\n'.join(lines))


def _actions(services: NamesAndTypes) -> NamesAndTypes:
    """The actions to which services belong, by the service that takes their goals."""
    return [
        (name.removesuffix(_GOAL_SERVICE), [kind.removesuffix('_SendGoal') for kind in types])
        for name, types in services
        if name.endswith(_GOAL_SERVICE)
    ]
