// SPDX-License-Identifier: Apache-2.0
// A build may look whether the file is there that component.json names. The entry point itself is
// part of the program kafka-component; docs/platform.md tells how it is started.
'use strict';

exports.process = async function notHere() {
  throw new Error('this component does not run on Node.js: see docs/platform.md of kafka-component');
};
