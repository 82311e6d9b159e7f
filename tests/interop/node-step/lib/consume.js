// SPDX-License-Identifier: Apache-2.0
//
// consume.js - the first message starts it: emits a message a record; what was emitted is
// committed.
'use strict';

const { randomUUID } = require('crypto');
const { connect } = require('./kafka.js');

let hasStarted = false;

const text = (bytes) => (bytes === null || bytes === undefined ? null : bytes.toString());

exports.process = async function consume(message, cfg) {
  if (hasStarted) return;
  hasStarted = true;
  const consumer = connect(cfg).consumer({ groupId: cfg.groupId });
  await consumer.connect();
  await consumer.subscribe({ topic: cfg.topic, fromBeginning: cfg.startFrom === 'earliest' });
  await consumer.run({
    eachMessage: async ({ topic, partition, message: record }) => {
      await this.emit('data', {
        id: randomUUID(),
        headers: {},
        body: {
          topic,
          partition: String(partition),
          offset: Number(record.offset),
          timestamp: Number(record.timestamp),
          key: text(record.key),
          value: text(record.value),
        },
      });
    },
  });
};
