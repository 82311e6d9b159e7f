// SPDX-License-Identifier: Apache-2.0
//
// produce.js - writes the records of a message ({messages: […]}, or one alone) in one request
// and emits where they went, as our own produce does.
'use strict';

const { Partitioners } = require('kafkajs');
const { connect } = require('./kafka.js');

let producer;

exports.init = async function init(cfg) {
  producer = connect(cfg).producer({ createPartitioner: Partitioners.DefaultPartitioner });
  await producer.connect();
};

exports.process = async function produce(message, cfg) {
  const messages = message.body.messages || [message.body];
  const results = await producer.send({ topic: cfg.topic, acks: -1, messages });
  for (const r of results) {
    await this.emit('data', {
      body: {
        topicName: r.topicName,
        partition: String(r.partition),
        errorCode: String(r.errorCode),
        baseOffset: r.baseOffset,
        logAppendTime: r.logAppendTime,
        logStartOffset: r.logStartOffset,
      },
    });
  }
};
