# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What threads do to each other at the worst moment: jumps, switches, calls and updates that cross."""

from __future__ import annotations

import copy
import dataclasses
import threading
import time
from pathlib import Path

import numpy as np
import rclpy
from localizer_robot import DEADLINE_S, Robot, localizing, wait_for_each_other, wait_until
from map_helpers import Operator, make_map, make_server, running
from rclpy.executors import MultiThreadedExecutor
from rclpy.node import Node

from neumap_ros.geometry import Pose
from neumap_ros.localization.session import LocalizationSession
from neumap_ros.maps.repository import MapReference
from neumap_ros.nodes import main
from neumap_ros.nodes.localizer_book import LocalizerBook
from neumap_ros.nodes.localizer_pipeline import Pipeline
from neumap_ros.nodes.saved_pose import SavedPose, saved_pose_path, write_pose
from neumap_ros.nodes.shard_service import ShardService
from neumap_ros.nodes.shard_store import ShardStore
from neumap_ros.nodes.staging import prepare

AT_ONCE = ('-p', 'tracker.confirmations:=1', '-p', 'tracker.confirmation_window:=1')
FREE = (*AT_ONCE, '-p', 'max_image_age_s:=0.0', '-p', 'tf_mode:=map_to_base')
S = 10**9


def test_images_taken_up_before_a_jump_are_not_looked_at_after_it(
    stage, demo_localizer, demo_queries, monkeypatch
) -> None:
    is_at_work, may_go = threading.Event(), threading.Event()
    on_frames = Pipeline._on_frames

    def slow(pipeline, images):
        is_at_work.set()
        assert may_go.wait(DEADLINE_S)
        on_frames(pipeline, images)

    monkeypatch.setattr(Pipeline, '_on_frames', slow)
    robot_stage = stage(*FREE, '-p', 'use_sim_time:=true')
    robot = robot_stage.add(Robot())
    node = localizing(robot_stage, demo_localizer, robot)
    image = demo_queries.images[0]
    pixels = demo_queries.read(image)
    robot.set_clock(5000 * S)
    wait_until(lambda: node.get_clock().now().nanoseconds == 5000 * S, 'clock')
    robot.see(pixels, image.camera, 5000 * S)
    assert is_at_work.wait(DEADLINE_S)
    robot.set_clock(1000 * S)
    wait_until(lambda: node._pipeline._era == 1, 'jump')
    may_go.set()
    wait_until(lambda: node._pipeline._session_era == 1, 'the thread has heard of the jump')
    robot.see(pixels, image.camera, 1001 * S)
    wait_until(lambda: robot.statuses, 'status')
    assert [status.header.stamp.sec for status in robot.statuses] == [1001]


def test_correction_of_a_place_is_not_sent_while_another_one_is_searched(
    stage, demo_localizer, demo_queries, monkeypatch
) -> None:
    elsewhere = copy.copy(demo_localizer)
    elsewhere.manifest = dataclasses.replace(demo_localizer.manifest, map_id='00000000-0000-0000-0000-000000000000')
    is_at_work, may_go = threading.Event(), threading.Event()
    on_frames, process = Pipeline._on_frames, LocalizationSession.process

    def switching(pipeline, images):
        # The map comes when the images have been taken up already.
        if robot.poses:
            node.use_map(elsewhere)
        on_frames(pipeline, images)

    def slow(session, frames):
        if robot.poses:
            is_at_work.set()
            assert may_go.wait(DEADLINE_S)
        return process(session, frames)

    monkeypatch.setattr(Pipeline, '_on_frames', switching)
    monkeypatch.setattr(LocalizationSession, 'process', slow)
    robot_stage = stage(*FREE)
    robot = robot_stage.add(Robot())
    node = localizing(robot_stage, demo_localizer, robot)
    image = demo_queries.images[0]
    pixels = demo_queries.read(image)
    robot.see(pixels, image.camera, 1000 * S)
    wait_until(lambda: robot.poses, 'pose')
    assert node._sender.pose_now() is not None
    robot.see(pixels, image.camera, 1001 * S)
    assert is_at_work.wait(DEADLINE_S)
    try:
        assert node._sender.pose_now() is None
    finally:
        may_go.set()


def test_given_pose_counts_more_than_a_saved_one(stage, demo_localizer, demo_queries, tmp_path: Path) -> None:
    saved = SavedPose(demo_localizer.manifest.map_id, Pose(np.eye(3), (7.0, 7.0, 0.0)), 1)
    write_pose(saved_pose_path(str(tmp_path), '/localizer'), saved)
    robot_stage = stage(*FREE)
    robot = robot_stage.add(Robot())
    node = localizing(robot_stage, demo_localizer, robot)
    session = node._pipeline._session
    # Before the first image, as a person does who starts a robot.
    robot.guess(Pose(np.eye(3), (-3.0, 2.0, 0.0)))
    wait_until(lambda: session.tracker._given is not None, 'given pose')
    image = demo_queries.images[0]
    robot.see(np.full_like(demo_queries.read(image), 8), image.camera, 1000 * S)
    wait_until(lambda: robot.statuses, 'status')
    assert robot.last().reason == 'few_keypoints'
    T_map_base, _ = session.predict(1000 * S, None)
    assert T_map_base.translation_3.tolist() == [-3.0, 2.0, 0.0]


def test_call_that_comes_while_the_node_is_deactivated_is_answered(stage, demo_localizer, monkeypatch) -> None:
    robot_stage = stage(*FREE, '-p', 'relocalize_timeout_s:=600.0')
    robot = robot_stage.add(Robot())
    node = localizing(robot_stage, demo_localizer, robot)
    stop, futures = Pipeline.stop, []

    def meanwhile(pipeline):
        futures.append(robot.relocalize())
        wait_until(lambda: node._relocalization._waiting or futures[0].done(), 'call')
        stop(pipeline)

    monkeypatch.setattr(Pipeline, 'stop', meanwhile)
    node.trigger_deactivate()
    wait_until(futures[0].done, 'answer')
    assert not futures[0].result().success
    assert 'deactivated' in futures[0].result().message


def test_diagnostics_come_while_the_clock_stands_still(stage, demo_localizer) -> None:
    robot_stage = stage('-p', 'use_sim_time:=true')
    robot = robot_stage.add(Robot())
    localizing(robot_stage, demo_localizer, robot)

    def told() -> bool:
        return 'localizer' in robot.diagnostics and '/clock has not' in robot.diagnostics['localizer'].message

    wait_until(told, 'diagnostics')


def test_going_back_and_a_newer_revision_at_once(tmp_path: Path) -> None:
    rclpy.init()
    maps = {number: make_map(tmp_path / f'{number}', number, [number] * 2) for number in (1, 2, 3)}
    server, operator = make_server(tmp_path / 'state', map_uri=str(maps[1].folder)), Operator()
    try:
        with running(server, operator.node):
            server.start()
            operator.wait_active(1)
            operator.set_atomically(uri=str(maps[2].folder))
            operator.wait_active(2)
            updates, may_go = server._updates, threading.Event()
            on_active = updates._on_active

            def late(staged):
                if staged.offer.sha256 == maps[1].manifest_sha256:
                    assert may_go.wait(DEADLINE_S)
                on_active(staged)

            updates._on_active = late
            refused = (maps[2].manifest_sha256, '/localizer', 'it is old', ())
            thread = threading.Thread(target=updates.refuse, args=refused)
            thread.start()
            wait_until(lambda: updates.state.active.offer.sha256 == maps[1].manifest_sha256, 'going back')
            operator.set_atomically(uri=str(maps[3].folder))
            operator.wait_active(3)
            may_go.set()
            thread.join()
            wait_until(lambda: operator.index.sha256 == maps[3].manifest_sha256, 'index')
            assert server._service._staged.offer.sha256 == maps[3].manifest_sha256
    finally:
        rclpy.try_shutdown()


def test_callbacks_that_have_begun_end_before_the_executor() -> None:
    rclpy.init()
    node = Node('busy')
    executor = MultiThreadedExecutor(num_threads=2)
    begun, ended, stop = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        time.sleep(0.3)
        ended.set()

    timer = node.create_timer(0.01, work)
    executor.add_node(node)
    spinning = threading.Thread(target=main._spin, args=(executor, stop))
    spinning.start()
    try:
        assert begun.wait(DEADLINE_S)
        node.destroy_timer(timer)
        stop.set()
        spinning.join()
        main._let_callbacks_end(executor)
        executor.shutdown(main._WAIT_S)
        assert ended.is_set()
    finally:
        stop.set()
        node.destroy_node()
        rclpy.try_shutdown()


def test_jump_while_there_is_no_thread_does_not_silence_the_next_one(stage, demo_localizer, demo_queries) -> None:
    robot_stage = stage(*FREE)
    robot = robot_stage.add(Robot())
    node = localizing(robot_stage, demo_localizer, robot)
    node.trigger_deactivate()
    node._pipeline.on_time_jump('the clock jumped just then')
    node.trigger_activate()
    wait_for_each_other(robot, node)
    image = demo_queries.images[0]
    robot.see(demo_queries.read(image), image.camera, 1000 * S)
    wait_until(lambda: robot.statuses, 'status')


def test_regions_of_a_revision_that_comes_back_are_sent_ahead_again(tmp_path: Path) -> None:
    first, second = (make_map(tmp_path / f'{number}', number, [0, number]) for number in (1, 2))
    book, sent, store = LocalizerBook(10.0), [], ShardStore(10**8)
    service = ShardService(store, book, sent.append, lambda region, reason: None)
    try:
        known = book.heard('/localizer', 'another process', '', 0.0)
        expected = []
        for stored, news in ((first, ['r0', 'r1']), (second, ['r1']), (first, ['r1'])):
            staged = prepare(stored, MapReference(str(stored.folder)))
            service.serve(staged)
            service.push(['r0', 'r1'])
            expected += [staged.offer.files[region].sha256 for region in news]
            wait_until(lambda: len(sent) >= len(expected) and not service._pushed, 'regions')  # noqa: B023
        assert [message.sha256 for message in sent] == expected
        assert len(known.sent) == 2
    finally:
        service.close()
