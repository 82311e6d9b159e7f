// SPDX-License-Identifier: Apache-2.0
//
// source.js - the first message starts it: emits cfg.count records with the values "0", "1", …,
// `parallel` at a time, each as a message with an id of its own.
'use strict';

const { randomUUID } = require('crypto');

let hasStarted = false;

exports.process = async function source(message, cfg) {
  if (hasStarted) return;
  hasStarted = true;
  let next = 0;
  const emitter = async () => {
    while (next < cfg.count) {
      const n = next++;
      await this.emit('data', { id: randomUUID(), body: { key: `k${n % 17}`, value: String(n) } });
    }
  };
  await Promise.all(Array.from({ length: cfg.parallel || 1 }, emitter));
};
