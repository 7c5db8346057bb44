# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0

import gc
import os
import signal
import threading
import time

import numpy as np
import pytest

from rosless.dds import DdsError, Guard, Participant, Qos, Reader, Waitset, Writer
from rosless.dds.status import Status
from rosless.test.peers import RAW, running, wait_until

TYPE = 'test::msg::dds_::Bytes_'
HEADER = b'\0\1\0\0'
SAMPLE = HEADER + bytes(4)


@pytest.fixture
def participant():
    participant = Participant()
    yield participant
    participant.delete()


def receive(reader, count=1, timeout_s=5.0):
    samples = []
    wait_until(lambda: samples.extend(reader.take()) or len(samples) >= count, timeout_s, 0.001)
    return samples


def test_bytes_arrive_as_they_were_written(participant):
    writer, reader = Writer(participant, 'a', TYPE, Qos()), Reader(participant, 'a', TYPE, Qos())
    before = time.time_ns()
    writer.write(HEADER, b'ab', bytearray(b'cd'), memoryview(b'efgh'), np.arange(4, dtype=np.uint8))
    (sample,) = receive(reader)
    assert sample.data == HEADER + b'abcdefgh\0\1\2\3'
    assert before <= sample.source_timestamp_ns <= time.time_ns()
    assert sample.writer == writer.instance_handle
    assert reader.take() == []


@pytest.mark.parametrize('size', [0, 1, 3, 4, 255, 256, 16379, 16380, 70000, 3_000_000])
def test_all_sizes(participant, size):
    """Small samples are copied, large ones are views; in CDR a length is filled up to a multiple of four."""
    writer, reader = Writer(participant, 'a', TYPE, Qos()), Reader(participant, 'a', TYPE, Qos())
    body = np.random.default_rng(size).integers(0, 256, size, dtype=np.uint8).tobytes()
    writer.write(HEADER + b'\1', body)
    (sample,) = receive(reader)
    data = bytes(sample.data)
    assert data[: 5 + size] == HEADER + b'\1' + body
    assert len(data) <= 5 + size + 3


def test_what_is_no_sample_cannot_be_written(participant):
    with pytest.raises(DdsError, match='no serialised sample'):
        Writer(participant, 'a', TYPE, Qos()).write(b'')


def test_a_view_outlives_everything():
    participant = Participant()
    writer, reader = Writer(participant, 'a', TYPE, Qos()), Reader(participant, 'a', TYPE, Qos())
    body = np.arange(100_000, dtype=np.uint8)
    writer.write(HEADER, body)
    view = receive(reader)[0].data
    assert isinstance(view, memoryview) and view.readonly
    writer.write(HEADER, np.zeros_like(body))
    participant.delete()
    del reader, writer, participant
    gc.collect()
    assert np.array_equal(np.frombuffer(view, np.uint8)[4:], body)


def test_what_is_deleted_says_so(participant):
    writer, reader = Writer(participant, 'a', TYPE, Qos()), Reader(participant, 'a', TYPE, Qos())
    for endpoint in (writer, reader):
        endpoint.delete()
        endpoint.delete()
    with pytest.raises(DdsError, match='this writer of a was deleted'):
        writer.write(SAMPLE)
    with pytest.raises(DdsError, match='this reader of a was deleted'):
        reader.take()
    participant.delete()
    with pytest.raises(DdsError, match='create'):
        Writer(participant, 'a', TYPE, Qos())


def test_deleting_while_others_write_and_read():
    for _ in range(20):
        participant = Participant()
        writer, reader = Writer(participant, 'a', TYPE, Qos()), Reader(participant, 'a', TYPE, Qos())
        started = threading.Barrier(3)

        def work(step, started=started):
            started.wait()
            with pytest.raises(DdsError):
                while True:
                    step()

        steps = (lambda writer=writer: writer.write(HEADER, bytes(20)), lambda reader=reader: reader.take(4))
        threads = [threading.Thread(target=work, args=(step,)) for step in steps]
        for thread in threads:
            thread.start()
        started.wait()
        time.sleep(0.01)
        participant.delete()
        for thread in threads:
            thread.join(5)
            assert not thread.is_alive()


def test_other_types_do_not_match(participant):
    writer = Writer(participant, 'a', TYPE, Qos())
    other = Reader(participant, 'a', 'test::msg::dds_::Other_', Qos())
    same = Reader(participant, 'a', TYPE, Qos())
    writer.write(SAMPLE)
    receive(same)
    assert other.take() == [] and other.matched() == []
    assert same.matched() == [writer.instance_handle]


def test_keep_last_keeps_the_last(participant):
    writer = Writer(participant, 'a', TYPE, Qos(depth=3, transient_local=True))
    for index in range(10):
        writer.write(HEADER, bytes([index, 0, 0, 0]))
    late = Reader(participant, 'a', TYPE, Qos(depth=5, transient_local=True))
    assert [sample.data[4] for sample in receive(late, 3)] == [7, 8, 9]
    assert Reader(participant, 'a', TYPE, Qos(depth=5)).take() == []


def test_peers_know_each_other(participant):
    writer = Writer(participant, 'a', TYPE, Qos(user_data=b'key=value;'))
    reader = Reader(participant, 'a', TYPE, Qos())
    (handle,) = reader.matched()
    assert reader.peer(handle) == (writer.guid, TYPE, b'key=value;')
    writer.delete()
    assert reader.matched() == [] and reader.peer(handle) is None


def test_many_peers(participant):
    writer = Writer(participant, 'a', TYPE, Qos())
    readers = [Reader(participant, 'a', TYPE, Qos()) for _ in range(40)]
    assert len(writer.matched()) == len(readers)


def test_a_waitset_wakes_for_what_is_attached(participant):
    writer, reader = Writer(participant, 'a', TYPE, Qos()), Reader(participant, 'a', TYPE, Qos())
    waitset, guard = Waitset(), Guard()
    assert waitset.attach(reader.condition) and waitset.attach(guard.handle)
    # That a writer was found is news, too.
    reader.take()
    assert waitset.wait(0) == []
    writer.write(SAMPLE)
    assert wait_until(lambda: waitset.wait(10**9)) == [reader.condition]
    assert waitset.wait(0) == [reader.condition], 'what was not taken is reported again'
    reader.take()
    guard.trigger()
    assert waitset.wait(10**9) == [guard.handle]
    assert guard.take() and not guard.take()
    assert waitset.wait(0) == []
    waitset.detach(reader.condition)
    writer.write(SAMPLE)
    assert waitset.wait(0) == []
    waitset.attach(reader.condition)
    assert waitset.wait(10**9) == [reader.condition], 'attaching reports what is ready'


def test_a_waitset_wakes_for_what_is_attached_meanwhile(participant):
    writer, reader = Writer(participant, 'a', TYPE, Qos()), Reader(participant, 'a', TYPE, Qos())
    waitset, guard = Waitset(), Guard()
    waitset.attach(guard.handle)
    writer.write(SAMPLE)
    threading.Timer(0.1, waitset.attach, [reader.condition]).start()
    assert waitset.wait(5 * 10**9) == [reader.condition]


def test_waiting_lets_other_threads_run():
    waitset, guard = Waitset(), Guard()
    waitset.attach(guard.handle)
    threading.Timer(0.1, guard.trigger).start()
    assert waitset.wait(5 * 10**9) == [guard.handle]


def test_a_deleted_guard_is_no_longer_waited_for():
    waitset, guard = Waitset(), Guard()
    waitset.attach(guard.handle)
    handle = guard.handle
    guard.delete()
    assert waitset.wait(0) == []
    assert not Waitset().attach(handle)


def test_status_of_matches(participant):
    reader = Reader(participant, 'a', TYPE, Qos())
    reader.watch([Status.SUBSCRIPTION_MATCHED])
    waitset = Waitset()
    waitset.attach(reader.handle)
    writer = Writer(participant, 'a', TYPE, Qos())
    assert waitset.wait(10**9) == [reader.handle]
    status = reader.take_status(Status.SUBSCRIPTION_MATCHED)
    assert (status['current_count'], status['current_count_change']) == (1, 1)
    assert waitset.wait(0) == []
    writer.delete()
    assert waitset.wait(10**9) == [reader.handle]
    status = reader.take_status(Status.SUBSCRIPTION_MATCHED)
    assert (status['total_count'], status['current_count'], status['current_count_change']) == (1, 0, -1)


def test_two_participants_of_a_process(participant):
    other = Participant()
    writer, reader = Writer(participant, 'a', TYPE, Qos()), Reader(other, 'a', TYPE, Qos())
    wait_until(writer.matched)
    writer.write(HEADER, b'abcd')
    assert receive(reader)[0].data == HEADER + b'abcd'
    assert Reader(other, 'b', TYPE, Qos(ignore_local=True)).guid != reader.guid
    other.delete()


def test_another_process_answers(participant):
    writer, reader = Writer(participant, 'ping', TYPE, Qos()), Reader(participant, 'pong', TYPE, Qos())
    body = np.random.default_rng(0).integers(0, 256, 1_000_000, dtype=np.uint8)
    with running(RAW, 'echo') as peer:
        peer.line()
        wait_until(lambda: writer.matched() and reader.matched())
        for size in (4, 1000, 100_000, 1_000_000):
            writer.write(HEADER, body[:size])
            assert bytes(receive(reader)[0].data) == HEADER + body[:size].tobytes()
        assert writer.wait_for_acknowledgments(10**9)


def test_a_stopped_reader_does_not_hold_up_a_writer(participant):
    writer = Writer(participant, 'a', TYPE, Qos(depth=10))
    image = np.zeros(921_600, np.uint8)
    with running(RAW, 'sink', 'a') as peer:
        peer.line()
        wait_until(writer.matched)
        peer.process.send_signal(signal.SIGSTOP)
        longest = 0.0
        for _ in range(30):
            start = time.monotonic()
            writer.write(HEADER, image)
            longest = max(longest, time.monotonic() - start)
        assert longest < 1.0
        assert not writer.wait_for_acknowledgments(10**7)
        peer.process.send_signal(signal.SIGCONT)
        assert peer.line() == f'got {len(image) + 4}'


def test_domains_are_apart():
    number = int(os.environ['ROS_DOMAIN_ID'])
    one, two = Participant(number), Participant(number + 1)
    writer, reader = Writer(one, 'a', TYPE, Qos()), Reader(two, 'a', TYPE, Qos())
    time.sleep(0.2)
    assert writer.matched() == [] and reader.matched() == []
    one.delete()
    two.delete()
