// SPDX-License-Identifier: Apache-2.0
//
// client.js - kafkajs for the tests, one JSON object a line on stdin and stdout.
//
//   node client.js write BROKER TOPIC CODEC   stdin: {key, value, headers, timestamp}
//   node client.js read BROKER TOPIC COUNT    stdout: {partition, offset, key, value, headers, timestamp}
//   node client.js partitions COUNT           stdin: keys; stdout: the partition of each
//   node client.js hashes                     stdin: keys; stdout: murmur2 of each, as Java's & 0x7fffffff
//
// Keys, values and header values are base64 or null; headers are [[name, value], …].
'use strict';

const { Kafka, CompressionTypes, CompressionCodecs, Partitioners, logLevel } = require('kafkajs');
const lz4 = require('lz4js');
const fzstd = require('fzstd');

CompressionCodecs[CompressionTypes.Snappy] = require('kafkajs-snappy');
// Readers only: fzstd cannot write, and Kafka refuses the frames that lz4js writes.
const reader = (decompress) => () => ({
  compress: async () => { throw new Error('this codec only reads'); },
  decompress: async (buffer) => Buffer.from(decompress(buffer)),
});
CompressionCodecs[CompressionTypes.LZ4] = reader(lz4.decompress);
CompressionCodecs[CompressionTypes.ZSTD] = reader(fzstd.decompress);

const bytes = (text) => (text === null || text === undefined ? null : Buffer.from(text, 'base64'));
const text = (value) => (value === null || value === undefined ? null : Buffer.from(value).toString('base64'));
const lines = () => require('fs').readFileSync(0, 'utf8').split('\n').filter(Boolean).map((l) => JSON.parse(l));
const print = (object) => process.stdout.write(JSON.stringify(object) + '\n');

// kafkajs keeps headers in an object, repeated ones in an array: their order is lost.
function toHeaders(pairs) {
  const headers = {};
  for (const [name, value] of pairs || []) {
    if (name in headers) headers[name] = [].concat(headers[name], bytes(value));
    else headers[name] = bytes(value);
  }
  return headers;
}

function fromHeaders(headers) {
  const pairs = [];
  for (const [name, value] of Object.entries(headers || {})) {
    for (const one of Array.isArray(value) ? value : [value]) pairs.push([name, text(one)]);
  }
  return pairs;
}

const connect = (broker) =>
  new Kafka({ clientId: 'witness', brokers: [broker], logLevel: logLevel.ERROR, logCreator: () => ({ log }) =>
    process.stderr.write(JSON.stringify(log) + '\n') });

async function write(broker, topic, codec) {
  const producer = connect(broker).producer({ createPartitioner: Partitioners.DefaultPartitioner });
  await producer.connect();
  const types = { none: 0, gzip: 1, snappy: 2, lz4: 3, zstd: 4 };
  await producer.send({
    topic,
    compression: types[codec],
    messages: lines().map((m) => ({
      key: bytes(m.key), value: bytes(m.value), headers: toHeaders(m.headers), timestamp: m.timestamp,
    })),
  });
  await producer.disconnect();
}

async function read(broker, topic, count) {
  const consumer = connect(broker).consumer({ groupId: `kafkajs-${topic}`, maxWaitTimeInMs: 100 });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  let left = Number(count);
  await new Promise((done, failed) => {
    consumer.on(consumer.events.CRASH, (event) => {
      if (!event.payload.restart) failed(event.payload.error);
    });
    consumer.run({
      eachMessage: async ({ partition, message }) => {
        print({
          partition, offset: message.offset, timestamp: message.timestamp,
          key: text(message.key), value: text(message.value), headers: fromHeaders(message.headers),
        });
        if (--left === 0) done();
      },
    }).catch(failed);
  });
  await consumer.disconnect();
}

function partitions(count) {
  const choose = Partitioners.DefaultPartitioner();
  const partitionMetadata = [...Array(Number(count)).keys()].map((id) => ({ partitionId: id, leader: 1 }));
  for (const key of lines()) print(choose({ topic: 't', partitionMetadata, message: { key: bytes(key) } }));
}

function hashes() {
  const murmur2 = require('kafkajs/src/producer/partitioners/default/murmur2');
  for (const key of lines()) print(murmur2(bytes(key)) & 0x7fffffff);
}

const commands = { write, read, partitions, hashes };
Promise.resolve(commands[process.argv[2]](...process.argv.slice(3))).catch((error) => {
  console.error(error);
  process.exit(1);
});
