# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`rosless service`."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from rosless import interfaces
from rosless.command.publishing import read_values
from rosless.command.session import CommandError, SpinTime, absolute, call, discover, is_hidden, open_node, wait_for

app = typer.Typer()

Service = Annotated[str, typer.Argument(metavar='SERVICE_NAME', help='Service, for example /localizer/relocalize.')]


@app.command('list')
def list_services(
    show_types: Annotated[bool, typer.Option('--show-types', '-t', help='Also show their types.')] = False,
    count: Annotated[bool, typer.Option('--count-services', '-c', help='Only show how many there are.')] = False,
    hidden: Annotated[bool, typer.Option('--include-hidden-services', help='Also those with a leading _.')] = False,
    spin_time: SpinTime = None,
) -> None:
    """List services."""
    with open_node() as node:
        discover(node, spin_time)
        services = [item for item in node.get_service_names_and_types() if hidden or not is_hidden(item[0])]
        if count:
            print(len(services))
            return
        for name, types in services:
            print(f'{name} [{", ".join(types)}]' if show_types else name)


@app.command('type')
def show_type(service: Service, spin_time: SpinTime = None) -> None:
    """Show the type of a service."""
    with open_node() as node:
        types = wait_for(lambda: dict(node.get_service_names_and_types()).get(absolute(service)), spin_time)
        if not types:
            raise CommandError(f"Unknown service '{absolute(service)}'")
        for name in types:
            print(name)


@app.command('call', context_settings={'ignore_unknown_options': True})
def call_service(
    service: Service,
    service_type: Annotated[str, typer.Argument(metavar='SERVICE_TYPE', help='For example std_srvs/srv/Trigger.')],
    values: Annotated[str, typer.Argument(help="YAML, for example '{data: true}'.")] = '{}',
    stdin: Annotated[bool, typer.Option('--stdin', help='Read the values from the standard input.')] = False,
    rate: Annotated[float | None, typer.Option('--rate', '-r', metavar='N', help='Call N times per second.')] = None,
    timeout: Annotated[
        float | None, typer.Option('--timeout', metavar='N', help='Give up after N seconds; default: never.')
    ] = None,
) -> None:
    """Call a service."""
    if rate is not None and rate <= 0:
        raise CommandError(f'the rate must be greater than zero, got {rate}')
    cls = interfaces.load(service_type if service_type.count('/') != 1 else service_type.replace('/', '/srv/'))
    if not hasattr(cls, 'Request'):
        raise CommandError(f'{service_type} is a message, not a service')
    request = interfaces.from_dict(cls.Request, read_values(values, stdin=stdin))
    with open_node() as node:
        import rclpy

        client = node.create_client(cls, service)
        if not client.wait_for_service(timeout_sec=0.5):
            print('waiting for service to become available...')
            if not client.wait_for_service(timeout_sec=timeout):
                raise CommandError(f'the service {client.service_name} did not appear within {timeout} s')
        while rclpy.ok():
            start = time.monotonic()
            print(f'requester: making request: {request!r}\n')
            print(f'response:\n{call(node, client, request, timeout)!r}\n')
            if rate is None:
                break
            time.sleep(max(0.0, start + 1 / rate - time.monotonic()))
