// SPDX-License-Identifier: Apache-2.0
//
// kafka.js - kafkajs as the settings of a step say, as shipped.
'use strict';

const { Kafka, logLevel } = require('kafkajs');

exports.connect = (cfg) => new Kafka({
  clientId: 'node-step',
  brokers: cfg.brokers.split(','),
  logLevel: logLevel.ERROR,
  ...(cfg.username && {
    sasl: { mechanism: cfg.mechanism, username: cfg.username, password: cfg.password },
  }),
  ...(cfg.caCertificate && { ssl: { ca: [cfg.caCertificate] } }),
});
