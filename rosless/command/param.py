# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`rosless param`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
import yaml

from rosless.command.session import EXIT_ERROR, CommandError, SpinTime, discover, find_node, is_hidden, open_node

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rclpy.node import Node
    from rclpy.parameter_client import AsyncParameterClient
    from rclpy.task import Future

app = typer.Typer()

_TIMEOUT_S = 5.0
# By their numbers in rcl_interfaces/msg/ParameterType: how to name the type, and how to introduce a value.
_TYPES = (
    ('not set', 'Parameter not set.'),
    ('boolean', 'Boolean value is:'),
    ('integer', 'Integer value is:'),
    ('double', 'Double value is:'),
    ('string', 'String value is:'),
    ('byte array', 'Byte values are:'),
    ('boolean array', 'Boolean values are:'),
    ('integer array', 'Integer values are:'),
    ('double array', 'Double values are:'),
    ('string array', 'String values are:'),
)

NodeName = Annotated[str, typer.Argument(help='Node, for example /robot/localizer.')]
Name = Annotated[str, typer.Argument(metavar='PARAMETER_NAME', help='Parameter.')]


@contextmanager
def _parameters_of(name: str, spin_time: float | None) -> Iterator[_Parameters]:
    with open_node() as node:
        yield _Parameters(node, find_node(node, name, spin_time))


class _Parameters:
    """The parameters of another node; every method raises CommandError if it does not answer."""

    def __init__(self, node: Node, name: str) -> None:
        from rclpy.parameter_client import AsyncParameterClient

        self.name = name
        self._node = node
        self._client: AsyncParameterClient = AsyncParameterClient(node, name)
        if not self._client.wait_for_services(timeout_sec=_TIMEOUT_S):
            raise CommandError(f'the node {name} has no parameter services')

    def _result(self, future: Future) -> Any:
        import rclpy

        rclpy.spin_until_future_complete(self._node, future, timeout_sec=_TIMEOUT_S)
        if not future.done():
            raise CommandError(f'the node {self.name} did not answer within {_TIMEOUT_S} s')
        return future.result()

    def names(self, prefixes: Sequence[str] = ()) -> list[str]:
        return sorted(self._result(self._client.list_parameters(list(prefixes))).result.names)

    def values(self, names: list[str]) -> list[Any]:
        return list(self._result(self._client.get_parameters(names)).values)

    def descriptors(self, names: list[str]) -> list[Any]:
        return list(self._result(self._client.describe_parameters(names)).descriptors)

    def set(self, parameters: list[Any]) -> list[Any]:
        return list(self._result(self._client.set_parameters(parameters)).results)


@app.command('list')
def list_parameters(
    node_name: Annotated[str | None, typer.Argument(help='Node; default: all.')] = None,
    pattern: Annotated[str | None, typer.Option('--filter', help='Regular expression that names match.')] = None,
    prefixes: Annotated[list[str] | None, typer.Option('--param-prefixes', help='Only names that begin so.')] = None,
    show_types: Annotated[bool, typer.Option('--param-type', help='Also show their types.')] = False,
    hidden: Annotated[bool, typer.Option('--include-hidden-nodes', help='Also nodes with a leading _.')] = False,
    spin_time: SpinTime = None,
) -> None:
    """List the parameters of a node, or of all nodes."""
    with open_node() as node:
        if node_name is not None:
            nodes = [find_node(node, node_name, spin_time)]
        else:
            discover(node, spin_time)
            serving = {name for name, _ in node.get_service_names_and_types()}
            nodes = [
                name
                for name in sorted(set(node.get_fully_qualified_node_names()))
                if f'{name}/list_parameters' in serving and (hidden or not is_hidden(name))
            ]
        for name in nodes:
            parameters = _Parameters(node, name)
            names = [one for one in parameters.names(prefixes or ()) if not pattern or re.search(pattern, one)]
            if node_name is None:
                print(f'{name}:')
            types = [_TYPES[one.type][0] for one in parameters.descriptors(names)] if show_types else names
            for one, kind in zip(names, types, strict=True):
                print(f'  {one} (type: {kind})' if show_types else f'  {one}')


@app.command()
def get(
    node_name: NodeName,
    parameter_name: Name,
    hide_type: Annotated[bool, typer.Option('--hide-type', help='Only the value.')] = False,
    spin_time: SpinTime = None,
) -> None:
    """Show the value of a parameter."""
    with _parameters_of(node_name, spin_time) as parameters:
        values = parameters.values([parameter_name])
        if not values:
            raise CommandError('Parameter not set')
        label, value = _TYPES[values[0].type][1], _python(values[0])
        print(value if hide_type else label if value is None else f'{label} {value}')


@app.command('set', context_settings={'ignore_unknown_options': True})
def set_parameter(
    node_name: NodeName,
    parameter_name: Name,
    value: Annotated[str, typer.Argument(help='By the rules of YAML: 1 is an integer, 1.0 a double.')],
    spin_time: SpinTime = None,
) -> None:
    """Set a parameter."""
    with _parameters_of(node_name, spin_time) as parameters:
        from rcl_interfaces.msg import Parameter
        from rclpy.parameter import get_parameter_value

        parameter = Parameter(name=parameter_name, value=get_parameter_value(value))
        (result,) = parameters.set([parameter])
        _report('Set parameter', 'Setting parameter failed', [result])


@app.command()
def delete(node_name: NodeName, parameter_name: Name, spin_time: SpinTime = None) -> None:
    """Remove a parameter; only those with dynamic typing can be."""
    with _parameters_of(node_name, spin_time) as parameters:
        from rcl_interfaces.msg import Parameter

        _report('Deleted parameter', 'Deleting parameter failed', parameters.set([Parameter(name=parameter_name)]))


@app.command()
def describe(
    node_name: NodeName,
    parameter_names: Annotated[list[str], typer.Argument(help='Parameters.')],
    spin_time: SpinTime = None,
) -> None:
    """Show what may be assigned to parameters."""
    with _parameters_of(node_name, spin_time) as parameters:
        for descriptor in parameters.descriptors(parameter_names):
            print(f'Parameter name: {descriptor.name}\n  Type: {_TYPES[descriptor.type][0]}')
            if descriptor.description:
                print(f'  Description: {descriptor.description}')
            print('  Constraints:')
            if descriptor.read_only:
                print('    Read only: true')
            for one in (*descriptor.floating_point_range, *descriptor.integer_range):
                print(f'    Min value: {one.from_value}\n    Max value: {one.to_value}')
                if one.step:
                    print(f'    Step: {one.step}')
            if descriptor.additional_constraints:
                print(f'    Additional constraints: {descriptor.additional_constraints}')


@app.command()
def dump(node_name: NodeName, spin_time: SpinTime = None) -> None:
    """Show all parameters of a node as a YAML file, as `load` and --params-file take it."""
    with _parameters_of(node_name, spin_time) as parameters:
        names = parameters.names()
        tree: dict[str, Any] = {}
        for name, value in zip(names, parameters.values(names), strict=True):
            *groups, last = name.split('.')
            branch = tree
            for group in groups:
                branch = branch.setdefault(group, {})
            branch[last] = _python(value)
        print(yaml.dump({parameters.name: {'ros__parameters': tree}}, default_flow_style=False))


@app.command()
def load(
    node_name: NodeName,
    parameter_file: Annotated[Path, typer.Argument(help='YAML file with parameters below names of nodes.')],
    no_use_wildcard: Annotated[bool, typer.Option('--no-use-wildcard', help='Not those of the node /**.')] = False,
    spin_time: SpinTime = None,
) -> None:
    """Set the parameters of a file."""
    with _parameters_of(node_name, spin_time) as parameters:
        from rclpy.parameter import parameter_dict_from_yaml_file

        try:
            loaded = parameter_dict_from_yaml_file(parameter_file, use_wildcard=not no_use_wildcard)
        except (OSError, RuntimeError, yaml.YAMLError) as error:
            raise CommandError(f'{parameter_file} cannot be loaded: {error}') from None
        results = parameters.set(list(loaded.values()))
        failed = False
        for name, result in zip(loaded, results, strict=True):
            reason = f': {result.reason}' if result.reason else ''
            typer.echo(
                f'Set parameter {name} {"successful" if result.successful else "failed"}{reason}',
                err=not result.successful,
            )
            failed = failed or not result.successful
        if failed:
            raise typer.Exit(EXIT_ERROR)


def _report(done: str, failed: str, results: list[Any]) -> None:
    (result,) = results
    reason = f': {result.reason}' if result.reason else ''
    if not result.successful:
        raise CommandError(f'{failed}{reason}')
    print(f'{done} successful{reason}')


def _python(value: Any) -> Any:
    from rclpy.parameter import parameter_value_to_python

    return parameter_value_to_python(value)
