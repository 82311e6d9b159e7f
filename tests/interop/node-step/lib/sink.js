// SPDX-License-Identifier: Apache-2.0
//
// sink.js - appends each message as a line of JSON to the file that KC_SINK names, before the
// message is acknowledged. It emits nothing.
'use strict';

const { appendFileSync } = require('fs');

exports.process = async function sink(message) {
  appendFileSync(process.env.KC_SINK, JSON.stringify(message) + '\n');
};
