// SPDX-FileCopyrightText: 2026 neumap_ros contributors
// SPDX-License-Identifier: Apache-2.0
//
// A peer that shares no code with Cyclone DDS: @foxglove/ros2, which implements ROS 2's protocol in TypeScript.
// It subscribes to /from_rosless, printing what it gets, and publishes on /from_foxglove. That package itself only
// subscribes, so publishing uses the level below, @foxglove/rtps.

const { RosNode } = require('@foxglove/ros2');
const { UdpSocketNode, getNetworkInterfaces } = require('@foxglove/ros2/nodejs');
const { CdrWriter } = require('@foxglove/cdr');
const rtps = require('@foxglove/rtps');
const { parse } = require('@foxglove/rosmsg');

const TOPIC = 'rt/from_foxglove';
const TYPE = 'std_msgs::msg::dds_::String_';
const INFINITE = { sec: 0x7fffffff, nsec: 0xffffffff };

const now = () => ({ sec: Math.floor(Date.now() / 1000), nsec: (Date.now() % 1000) * 1000000 });

function change(participant, writer, writerId, data, instanceHandle) {
  writer.history.set({
    timestamp: now(),
    kind: rtps.ChangeKind.Alive,
    writerGuid: rtps.makeGuid(participant.attributes.guidPrefix, writerId),
    sequenceNumber: writer.history.nextSequenceNum(),
    data,
    instanceHandle,
  });
}

function advertise(participant) {
  const entityId = rtps.makeEntityId(participant.nextEndpointId++, rtps.EntityKind.AppdefWriterNoKey);
  const guid = rtps.makeGuid(participant.attributes.guidPrefix, entityId);
  const qos = {
    durability: rtps.Durability.Volatile,
    reliability: { kind: rtps.Reliability.Reliable, maxBlockingTime: INFINITE },
    history: { kind: rtps.HistoryKind.KeepLast, depth: 10 },
  };
  const writer = new rtps.Writer({ ...participant.attributes, ...qos, entityId, topicName: TOPIC, typeName: TYPE });
  participant._writers.set(entityId, writer);
  const parameters = new rtps.Parameters();
  parameters.topicName(TOPIC);
  parameters.typeName(TYPE);
  parameters.durability(qos.durability);
  parameters.reliability(qos.reliability);
  parameters.history(qos.history);
  parameters.protocolVersion(participant.attributes.protocolVersion);
  parameters.vendorId(participant.attributes.vendorId);
  parameters.endpointGuid(guid);
  parameters.finish();
  const announcer = participant._writers.get(rtps.EntityIdBuiltin.PublicationsWriter);
  change(participant, announcer, rtps.EntityIdBuiltin.PublicationsWriter, parameters.data, guid);
  void participant.sendMetatrafficChanges(announcer);
  return writer;
}

function publish(participant, writer, text) {
  const cdr = new CdrWriter();
  cdr.string(text);
  // Submessages of RTPS end at multiples of four bytes.
  const padded = Buffer.alloc(Math.ceil(cdr.data.length / 4) * 4);
  padded.set(cdr.data);
  change(participant, writer, writer.attributes.entityId, padded, undefined);
  for (const peer of participant._participants.values()) {
    for (const reader of peer.remoteReaders.values()) {
      if (reader.attributes.topicName === TOPIC) {
        void participant.sendChangesTo(reader, writer, peer.attributes.defaultUnicastLocatorList);
      }
    }
  }
}

// Cyclone DDS 11 addresses discovery to a prefix of zeros, which means everybody; the package takes it for somebody else.
function acceptWhatIsForEverybody(participant) {
  const own = Buffer.from(participant.attributes.guidPrefix, 'hex');
  const handle = participant.handleUdpMessage;
  participant.handleUdpMessage = (data, sender) => {
    const INFO_DST = 0x0e;
    for (let at = 20; at + 16 <= data.length; at += 4 + data.readUInt16LE(at + 2)) {
      if (data[at] === INFO_DST && data.subarray(at + 4, at + 16).every((byte) => byte === 0)) {
        own.copy(data, at + 4);
      }
      if (data.readUInt16LE(at + 2) === 0) {
        break;
      }
    }
    handle(data, sender);
  };
}

async function main() {
  const node = new RosNode({
    name: 'foxglove',
    domainId: Number(process.env.ROS_DOMAIN_ID),
    udpSocketCreate: UdpSocketNode.Create,
    getNetworkInterfaces,
  });
  acceptWhatIsForEverybody(node._participant);
  await node.start();
  const msgDefinition = parse('string data', { ros2: true });
  const subscription = node.subscribe({ topic: '/from_rosless', dataType: 'std_msgs/msg/String', msgDefinition });
  subscription.on('message', (_timestamp, message) => console.log(`foxglove got ${message.data}`));
  const writer = advertise(node._participant);
  let count = 0;
  setInterval(() => publish(node._participant, writer, `message ${count++} of foxglove`), 100);
  console.log('ready');
}

void main();
