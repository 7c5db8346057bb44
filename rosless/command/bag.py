# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`rosless bag`."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from rosless.command.session import CommandError

app = typer.Typer()

_DEFAULT_CLOCK_HZ = '40'
_NUMBER = re.compile(r'\d+(\.\d*)?')


class BagCommand(TyperCommand):
    """Takes options as `ros2 bag` does: some have several values, and that of --clock may be missing."""

    lists = ('--topics', '--exclude-topics', '--remap', '-m')

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Rewrite such options in the way of all others, which have one value each."""
        # What comes before the first option, then each option with what follows it.
        groups: list[list[str]] = [[]]
        for argument in args:
            if argument.startswith('-'):
                groups.append([argument])
            else:
                groups[-1].append(argument)
        result, options = groups[0], groups[1:]
        for option, *values in options:
            if option in self.lists and values:
                result += [part for value in values for part in (option, value)]
            elif option == '--clock' and not (values and _NUMBER.fullmatch(values[0])):
                result += [option, _DEFAULT_CLOCK_HZ, *values]
            else:
                result += [option, *values]
        return super().parse_args(ctx, result)


BagPath = Annotated[Path, typer.Argument(metavar='BAG_PATH', help='Folder of the bag, or its .mcap or .db3 file.')]
Topics = Annotated[list[str] | None, typer.Option('--topics', metavar='TOPIC...', help='Only these topics.')]
Exclude = Annotated[list[str] | None, typer.Option('--exclude-topics', metavar='TOPIC...', help='Not these topics.')]
Regex = Annotated[str | None, typer.Option('--regex', '-e', help='Only topics that match a regular expression.')]
ExcludeRegex = Annotated[str | None, typer.Option('--exclude-regex', '-x', help='Not topics that match it.')]


@app.command(cls=BagCommand)
def record(
    topics: Annotated[list[str] | None, typer.Argument(metavar='[TOPIC]...', help='Topics.')] = None,
    topic_list: Topics = None,
    all_topics: Annotated[bool, typer.Option('--all', '-a', '--all-topics', help='All topics.')] = False,
    regex: Regex = None,
    exclude_topics: Exclude = None,
    exclude_regex: ExcludeRegex = None,
    output: Annotated[Path | None, typer.Option('--output', '-o', help='Folder to write; default: by date.')] = None,
    storage: Annotated[str, typer.Option('--storage', '-s', help='mcap or sqlite3.')] = 'mcap',
    hidden: Annotated[bool, typer.Option('--include-hidden-topics', help='Also those with a leading _.')] = False,
) -> None:
    """Record topics until Ctrl-C."""
    from rosless.command.bag_record import Recorder
    from rosless.command.bag_topics import Selection

    chosen = [*(topics or ()), *(topic_list or ())]
    if not (chosen or all_topics or regex):
        raise CommandError('name the topics to record, or use --all for all of them')
    folder = output or Path(datetime.now().strftime('rosbag2_%Y_%m_%d-%H_%M_%S'))
    selection = Selection(chosen, regex, exclude_topics or [], exclude_regex, hidden=hidden)
    Recorder(folder, storage, selection).run()


@app.command(cls=BagCommand)
def play(
    bag_path: BagPath,
    rate: Annotated[float, typer.Option('--rate', '-r', help='Times as fast as recorded.')] = 1.0,
    loop: Annotated[bool, typer.Option('--loop', '-l', help='Begin again at the end.')] = False,
    clock: Annotated[
        float | None,
        typer.Option(
            '--clock', metavar='[HZ]', help='Publish the time of the bag on /clock, by default 40 per second.'
        ),
    ] = None,
    topics: Topics = None,
    regex: Regex = None,
    exclude_topics: Exclude = None,
    exclude_regex: ExcludeRegex = None,
    remap: Annotated[
        list[str] | None, typer.Option('--remap', '-m', metavar='OLD:=NEW...', help='Publish under other names.')
    ] = None,
    delay: Annotated[float, typer.Option('--delay', '-d', min=0.0, help='Seconds to wait before the start.')] = 0.0,
    start_offset: Annotated[float, typer.Option('--start-offset', min=0.0, help='Begin so many seconds later.')] = 0.0,
    playback_duration: Annotated[
        float | None, typer.Option('--playback-duration', min=0.0, help='End after so many seconds of the bag.')
    ] = None,
) -> None:
    """Publish what a bag has, with the same time between messages."""
    from rosless.command.bag_play import Player
    from rosless.command.bag_topics import Selection, parse_remapping

    if rate <= 0 or (clock is not None and clock <= 0):
        raise CommandError(f'--rate and --clock must be greater than zero, got {rate} and {clock}')
    selection = Selection(topics or [], regex, exclude_topics or [], exclude_regex, hidden=True)
    player = Player(
        bag_path, selection, dict(map(parse_remapping, remap or ())), rate=rate, clock_hz=clock, loop=loop,
        start_offset=start_offset, duration=playback_duration,
    )  # fmt: skip
    player.run(delay)


@app.command()
def info(bag_path: BagPath) -> None:
    """Show what a bag has."""
    from rosless.command.bag_info import describe

    print(describe(bag_path))
