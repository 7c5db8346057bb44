# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`rosless lifecycle`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from rosless.command.session import CommandError, SpinTime, absolute, call, discover, is_hidden, open_node, wait_for

if TYPE_CHECKING:
    from rclpy.node import Node

app = typer.Typer()

_TIMEOUT_S = 5.0

NodeName = Annotated[str, typer.Argument(help='Node, for example /localizer.')]


@app.command()
def nodes(
    all_nodes: Annotated[bool, typer.Option('--all', '-a', help='Also those with a leading _.')] = False,
    count: Annotated[bool, typer.Option('--count-nodes', '-c', help='Only show how many there are.')] = False,
    spin_time: SpinTime = None,
) -> None:
    """List lifecycle nodes."""
    with open_node() as node:
        discover(node, spin_time)
        names = [name for name in _managed(node) if all_nodes or not is_hidden(name)]
        print(len(names) if count else '\n'.join(names))


@app.command()
def get(
    node_name: Annotated[str | None, typer.Argument(help='Node; default: all.')] = None, spin_time: SpinTime = None
) -> None:
    """Show the state of a node, or of all."""
    with open_node() as node:
        if node_name is not None:
            print(_state(node, _find(node, node_name, spin_time)))
            return
        discover(node, spin_time)
        for name in _managed(node):
            print(f'{name}: {_state(node, name)}')


@app.command('list')
def list_transitions(
    node_name: NodeName,
    all_transitions: Annotated[bool, typer.Option('--all', '-a', help='Of all states, not only the present.')] = False,
    spin_time: SpinTime = None,
) -> None:
    """List the transitions that a node can make."""
    with open_node() as node:
        name = _find(node, node_name, spin_time)
        for one in _transitions(node, name, 'get_transition_graph' if all_transitions else 'get_available_transitions'):
            print(f'- {one.transition.label} [{one.transition.id}]')
            print(f'\tStart: {one.start_state.label}\n\tGoal: {one.goal_state.label}')


@app.command('set')
def set_state(
    node_name: NodeName,
    transition: Annotated[str, typer.Argument(help='Its label or number, for example configure.')],
    spin_time: SpinTime = None,
) -> None:
    """Let a node make a transition, and wait until it has."""
    with open_node() as node:
        name = _find(node, node_name, spin_time)
        available = [one.transition for one in _transitions(node, name, 'get_available_transitions')]
        wanted = [one for one in available if one.label == transition]
        wanted = wanted or [one for one in available if str(one.id) == transition]
        if not wanted:
            known = ''.join(f'\n- {one.label} [{one.id}]' for one in available)
            raise CommandError(f'Unknown transition requested, available ones are:{known}')
        from lifecycle_msgs.srv import ChangeState

        # It may take long, for example to load a map.
        client = node.create_client(ChangeState, f'{name}/change_state')
        if not call(node, client, ChangeState.Request(transition=wanted[0])).success:
            raise CommandError('Transitioning failed')
        print('Transitioning successful')


def _managed(node: Node) -> list[str]:
    services = {name for name, types in node.get_service_names_and_types() if 'lifecycle_msgs/srv/GetState' in types}
    return sorted(name for name in set(node.get_fully_qualified_node_names()) if f'{name}/get_state' in services)


def _find(node: Node, name: str, spin_time: float | None) -> str:
    full = absolute(name)
    if not wait_for(lambda: full in _managed(node), spin_time):
        raise CommandError('Node not found')
    return full


def _state(node: Node, name: str) -> str:
    from lifecycle_msgs.srv import GetState

    client = node.create_client(GetState, f'{name}/get_state')
    state = call(node, client, GetState.Request(), _TIMEOUT_S).current_state
    return f'{state.label} [{state.id}]'


def _transitions(node: Node, name: str, service: str) -> list[Any]:
    from lifecycle_msgs.srv import GetAvailableTransitions

    client = node.create_client(GetAvailableTransitions, f'{name}/{service}')
    return list(call(node, client, GetAvailableTransitions.Request(), _TIMEOUT_S).available_transitions)
