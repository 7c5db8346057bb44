# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The evaluator as a user runs it: a process beside a localizer's, told to end at any time."""

from __future__ import annotations

import signal
import sys
import threading

import pytest
from evaluated_robot import EvaluatedRobot
from localizer_robot import wait_until
from user_processes import ROOT, Command, complaints

from neumap_ros.evaluation.run_figures import figures
from neumap_ros.evaluation.run_folder import read_run

PROGRAM = f"""
import importlib.util, runpy
if importlib.util.find_spec('rclpy') is None:
    import rosless
    rosless.activate()
runpy.run_path({str(ROOT / 'scripts' / 'evaluator')!r}, run_name='__main__')
"""
SCRIPT = (sys.executable, '-c', PROGRAM, '--ros-args')
COMMAND = (sys.executable, '-m', 'neumap_ros.cli', 'run', 'evaluator')


@pytest.fixture
def drive(stage, tmp_path):
    """Starts an evaluator, and a robot that goes on driving until the test ends."""
    commands, stop = [], threading.Event()

    def start(words, period_s=0.02):
        robot = stage().add(EvaluatedRobot(truth='Odometry'))
        options = ('-p', f'out:={tmp_path / "run"}', '-p', 'ground_truth:=/truth', '-p', 'write_period_s:=0.1')
        commands.append(Command(*words, *options))
        wait_until(lambda: robot.is_evaluated() and robot.is_truth_heard(), 'subscriptions of the process')

        def go_on():
            for index in range(100_000):
                robot.say_truth(index)
                robot.attempt(index, accepted=index % 5 > 0)
                if stop.wait(period_s):
                    return

        threading.Thread(target=go_on, daemon=True).start()
        start.robot = robot
        return commands[-1]

    yield start
    stop.set()
    for command in commands:
        command.stop()


@pytest.mark.parametrize(
    ('words', 'number'), [(SCRIPT, signal.SIGINT), (COMMAND, signal.SIGTERM)], ids=['run', 'neumap']
)
def test_at_a_signal_the_whole_run_is_there(drive, tmp_path, words, number):
    command = drive(words)
    wait_until(lambda: (tmp_path / 'run' / 'run.json').is_file(), 'the first run')
    before = len(read_run(tmp_path / 'run').attempts)
    wait_until(lambda: len(read_run(tmp_path / 'run').attempts) > before + 20, 'more attempts')
    assert command.end(number) == 0, command.output()
    assert not complaints(command.output()), command.output()
    assert 'share of attempts within' in command.output() and 'attempts lies in' in command.output()
    found = figures(read_run(tmp_path / 'run'))
    assert found.attempts > before + 20
    assert found.false_fixes == 0 and found.fine_recall == pytest.approx(found.accepted / found.attempts, abs=0.05)
    assert {path.name.split('-')[0] for path in (tmp_path / 'run').iterdir()} >= {'run.json'}
    assert not list((tmp_path / 'run').glob('.writing-*')), 'what was half written is gone'


def test_whoever_kills_it_finds_a_whole_run_or_none(drive, tmp_path):
    command = drive(SCRIPT)
    wait_until(lambda: (tmp_path / 'run' / 'run.json').is_file(), 'the first run')
    command.kill()
    if (tmp_path / 'run' / 'run.json').is_file():
        assert read_run(tmp_path / 'run').attempts


def test_the_exit_code_tells_that_the_run_could_not_be_written(drive, tmp_path):
    (tmp_path / 'run').write_text('a file where the folder should be')
    command = drive(COMMAND)
    wait_until(lambda: 'the run cannot be written' in drive.robot.message('evaluation'), 'diagnostics')
    assert command.end(signal.SIGINT) == 1, command.output()
    assert 'the run cannot be written' in command.output()
    assert 'Traceback' not in command.output()
    assert (tmp_path / 'run').read_text() == 'a file where the folder should be'
