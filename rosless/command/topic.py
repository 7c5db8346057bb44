# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`rosless topic`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from rosless import interfaces
from rosless.command import qos as qos_options
from rosless.command.formatting import Shortening, to_csv, to_text
from rosless.command.publishing import publish, read_values
from rosless.command.session import CommandError, SpinTime, absolute, discover, is_hidden, open_node, wait_for
from rosless.command.statistics import Bandwidth, Rate

if TYPE_CHECKING:
    from rclpy.node import Node

app = typer.Typer()

Topic = Annotated[str, typer.Argument(metavar='TOPIC_NAME', help='Topic, for example /chatter.')]
OptionalType = Annotated[
    str | None, typer.Argument(metavar='[MESSAGE_TYPE]', help='For example std_msgs/msg/String; default: as published.')
]


@app.command('list')
def list_topics(
    show_types: Annotated[bool, typer.Option('--show-types', '-t', help='Also show their types.')] = False,
    count: Annotated[bool, typer.Option('--count-topics', '-c', help='Only show how many there are.')] = False,
    hidden: Annotated[bool, typer.Option('--include-hidden-topics', help='Also those with a leading _.')] = False,
    verbose: Annotated[bool, typer.Option('--verbose', '-v', help='Who publishes and who subscribes.')] = False,
    spin_time: SpinTime = None,
) -> None:
    """List topics."""
    with open_node() as node:
        discover(node, spin_time)
        topics = [item for item in node.get_topic_names_and_types() if hidden or not is_hidden(item[0])]
        if count:
            print(len(topics))
        elif verbose:
            _print_counts('Published', 'publisher', topics, node.count_publishers)
            _print_counts('Subscribed', 'subscriber', topics, node.count_subscribers)
        else:
            for name, types in topics:
                print(f'{name} [{", ".join(types)}]' if show_types else name)


def _print_counts(title: str, word: str, topics: list[tuple[str, list[str]]], count: Any) -> None:
    print(f'{title} topics:')
    for name, types in topics:
        if number := count(name):
            print(f' * {name} [{", ".join(types)}] {number} {word}{"s" if number > 1 else ""}')
    print()


@app.command()
def info(
    topic: Topic,
    verbose: Annotated[bool, typer.Option('--verbose', '-v', help='Also each publisher and subscription.')] = False,
    spin_time: SpinTime = None,
) -> None:
    """Show who publishes a topic and who subscribes to it."""
    with open_node() as node:
        discover(node, spin_time)
        topic = absolute(topic)
        types = dict(node.get_topic_names_and_types()).get(topic)
        if types is None:
            raise CommandError(f"Unknown topic '{topic}'")
        gap = '\n' if verbose else ''
        print(f'Type: {types[0] if len(types) == 1 else types}{gap}')
        for title, infos in (
            ('Publisher', node.get_publishers_info_by_topic(topic)),
            ('Subscription', node.get_subscriptions_info_by_topic(topic)),
        ):
            print(f'{title} count: {len(infos)}{gap}')
            for endpoint in infos if verbose else ():
                print(f'{endpoint}\n')


@app.command('type')
def show_type(topic: Topic, spin_time: SpinTime = None) -> None:
    """Show the type of a topic."""
    with open_node() as node:
        print(_find_type(node, topic, spin_time))


@app.command()
def echo(
    topic: Topic,
    message_type: OptionalType = None,
    once: Annotated[bool, typer.Option('--once', help='Only the first message.')] = False,
    timeout: Annotated[float | None, typer.Option('--timeout', metavar='N', help='End after N seconds.')] = None,
    field: Annotated[str | None, typer.Option('--field', help='Only a field, for example pose.position.')] = None,
    csv: Annotated[bool, typer.Option('--csv', help='Values separated by commas, one message per line.')] = False,
    full_length: Annotated[bool, typer.Option('--full-length', '-f', help='Shorten nothing.')] = False,
    truncate_length: Annotated[
        int, typer.Option('--truncate-length', '-l', metavar='N', min=1, help='Show so many elements of arrays.')
    ] = 128,
    no_arr: Annotated[bool, typer.Option('--no-arr', help='Leave out arrays.')] = False,
    no_str: Annotated[bool, typer.Option('--no-str', help='Leave out strings.')] = False,
    flow_style: Annotated[bool, typer.Option('--flow-style', help='Lists in one line.')] = False,
    qos_profile: qos_options.PresetOption = None,
    qos_depth: qos_options.DepthOption = None,
    qos_history: qos_options.HistoryOption = None,
    qos_reliability: qos_options.ReliabilityOption = None,
    qos_durability: qos_options.DurabilityOption = None,
    spin_time: SpinTime = None,
) -> None:
    """Print the messages of a topic."""
    shortening = Shortening(None if full_length else truncate_length, no_arr, no_str)
    with open_node() as node:
        import rclpy
        from rclpy.task import Future

        done = Future()

        def show(message: Any) -> None:
            if once and done.done():
                return
            value = _select(message, field)
            if csv and isinstance(value, interfaces.Message):
                print(to_csv(value, shortening))
            else:
                print(to_text(value, shortening, flow_style=flow_style), end='---\n')
            if once:
                done.set_result(None)

        name = message_type or _find_type(node, topic, spin_time)
        preset = qos_profile or qos_options.Preset.sensor_data
        if any((qos_depth, qos_history, qos_reliability, qos_durability)):
            qos = qos_options.profile(preset, qos_depth, qos_history, qos_reliability, qos_durability)
        else:
            qos = qos_options.fitting(node, topic, preset)
        node.create_subscription(interfaces.load(name), topic, show, qos)
        rclpy.spin_until_future_complete(node, done, timeout_sec=timeout)


def _select(message: Any, field: str | None) -> Any:
    for name in filter(None, (field or '').split('.')):
        if not hasattr(message, name):
            raise CommandError(f"Invalid field '{field}': {type(message).__name__} has no field {name}")
        message = getattr(message, name)
    return message


@app.command()
def hz(
    topic: Topic,
    window: Annotated[int, typer.Option('--window', '-w', min=1, help='Over how many messages.')] = 10000,
    spin_time: SpinTime = None,
) -> None:
    """Print the rate of a topic, once a second."""
    _measure(topic, Rate(window), spin_time)


@app.command()
def bw(
    topic: Topic,
    window: Annotated[int, typer.Option('--window', '-w', min=1, help='Over how many messages.')] = 100,
    spin_time: SpinTime = None,
) -> None:
    """Print the bandwidth of a topic, once a second."""
    _measure(topic, Bandwidth(window), spin_time)


def _measure(topic: str, statistics: Rate | Bandwidth, spin_time: float | None) -> None:
    with open_node() as node:
        import rclpy

        if not (types := wait_for(lambda: _types_of(node, topic), spin_time)):
            print(f'WARNING: topic [{topic}] does not appear to be published yet')
        while not types and rclpy.ok():
            types = wait_for(lambda: _types_of(node, topic), 1.0)
        if not rclpy.ok():
            return
        cls = interfaces.load(types[0])
        node.create_subscription(cls, topic, statistics.add, qos_options.fitting(node, topic), raw=True)
        if isinstance(statistics, Bandwidth):
            print(f'Subscribed to [{topic}]')

        def report() -> None:
            if text := statistics.report():
                print(text)

        node.create_timer(1.0, report)
        rclpy.spin(node)


@app.command(context_settings={'ignore_unknown_options': True})
def pub(
    topic: Topic,
    message_type: Annotated[str, typer.Argument(metavar='MESSAGE_TYPE', help='For example std_msgs/msg/String.')],
    values: Annotated[
        str, typer.Argument(help="YAML, for example '{data: hello}'; auto and now stand for stamps.")
    ] = '{}',
    stdin: Annotated[bool, typer.Option('--stdin', help='Read the values from the standard input.')] = False,
    rate: Annotated[float, typer.Option('--rate', '-r', metavar='N', help='Messages per second.')] = 1.0,
    print_nth: Annotated[int, typer.Option('--print', '-p', metavar='N', min=0, help='Print every N-th only.')] = 1,
    once: Annotated[bool, typer.Option('--once', '-1', help='Publish one message and end.')] = False,
    times: Annotated[int, typer.Option('--times', '-t', metavar='N', min=0, help='Publish N messages and end.')] = 0,
    wait: Annotated[
        int | None,
        typer.Option('--wait-matching-subscriptions', '-w', metavar='N', min=0, help='First wait for so many.'),
    ] = None,
    max_wait: Annotated[
        float | None, typer.Option('--max-wait-time-secs', metavar='N', help='Give up waiting after N seconds.')
    ] = None,
    keep_alive: Annotated[float, typer.Option('--keep-alive', metavar='N', help='Stay N seconds at the end.')] = 0.1,
    qos_profile: qos_options.PresetOption = None,
    qos_depth: qos_options.DepthOption = None,
    qos_history: qos_options.HistoryOption = None,
    qos_reliability: qos_options.ReliabilityOption = None,
    qos_durability: qos_options.DurabilityOption = None,
) -> None:
    """Publish to a topic, by default for ever."""
    if rate <= 0:
        raise CommandError(f'the rate must be greater than zero, got {rate}')
    count = 1 if once else times
    preset = qos_profile or qos_options.Preset.default
    cls = interfaces.load(message_type)
    given = read_values(values, stdin=stdin)
    with open_node() as node:
        qos = qos_options.profile(preset, qos_depth, qos_history, qos_reliability, qos_durability)
        publish(
            node, cls, topic, given, qos, period=1 / rate, times=count, print_nth=print_nth,
            subscriptions=min(count, 1) if wait is None else wait, max_wait=max_wait, keep_alive=keep_alive,
        )  # fmt: skip


def _types_of(node: Node, topic: str) -> list[str]:
    return dict(node.get_topic_names_and_types()).get(absolute(topic), [])


def _find_type(node: Node, topic: str, spin_time: float | None) -> str:
    types = wait_for(lambda: _types_of(node, topic), spin_time)
    if not types:
        raise CommandError(
            f'WARNING: topic [{topic}] does not appear to be published yet\n'
            'Could not determine the type for the passed topic'
        )
    if len(types) > 1:
        raise CommandError(f'{topic} has more than one type: {", ".join(types)}')
    return types[0]
