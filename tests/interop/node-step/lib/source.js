// SPDX-License-Identifier: Apache-2.0
//
// source.js - the first message starts it: emits {"n": 0} to {"n": count - 1}, `parallel` at a
// time, each with an id of its own. cfg.value is sent along; `body` replaces all of it.
'use strict';

const { randomUUID } = require('crypto');

let hasStarted = false;

exports.process = async function source(message, cfg) {
  if (hasStarted) return;
  hasStarted = true;
  const body = (n) => (cfg.body ? cfg.body : { n, value: cfg.value });
  let next = 0;
  const emitter = async () => {
    while (next < cfg.count) await this.emit('data', { id: randomUUID(), body: body(next++) });
  };
  await Promise.all(Array.from({ length: cfg.parallel || 1 }, emitter));
};
