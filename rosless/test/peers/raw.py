# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Another process below the level of ROS, for the tests of `rosless.dds`.

write TOPIC SECONDS   writes a counter to a topic
echo                  sends each sample of the topic `ping` back on `pong`
sink TOPIC            reads and says what it got
node NAME             announces a node and waits
"""

import struct
import sys
import time

from rosless.dds import Participant, Qos, Reader, Waitset, Writer
from rosless.dds.graph import Graph

TYPE = 'test::msg::dds_::Bytes_'
HEADER = b'\0\1\0\0'


def write(participant, topic, seconds):
    writer = Writer(participant, topic, TYPE, Qos(depth=10))
    end = time.monotonic() + float(seconds)
    count = 0
    while time.monotonic() < end:
        writer.write(HEADER, struct.pack('<I', count))
        count += 1
        time.sleep(0.02)


def echo(participant):
    reader, writer = (Reader(participant, 'ping', TYPE, Qos()), Writer(participant, 'pong', TYPE, Qos()))
    for sample in samples(reader):
        writer.write(sample.data)


def sink(participant, topic):
    for sample in samples(Reader(participant, topic, TYPE, Qos(depth=10))):
        print('got', len(sample.data), flush=True)


def samples(reader):
    waitset = Waitset()
    waitset.attach(reader.condition)
    print('ready', flush=True)
    while True:
        waitset.wait(10**9)
        yield from reader.take(10)


def node(participant, name):
    graph = Graph(participant)
    entry = graph.add_node('/peers', name)
    graph.add_endpoint(entry, Writer(participant, f'rt/{name}', TYPE, Qos(user_data=b'typehash=RIHS01_00;')))
    print('ready', flush=True)
    time.sleep(600)


if __name__ == '__main__':
    {'write': write, 'echo': echo, 'sink': sink, 'node': node}[sys.argv[1]](Participant(), *sys.argv[2:])
