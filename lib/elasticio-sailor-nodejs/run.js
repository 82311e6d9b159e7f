// SPDX-License-Identifier: Apache-2.0
// Never run in the image of kafka-component: there `node` is that program, which knows what the
// name of this file asks for. See docs/platform.md.
'use strict';

console.error('this component does not run on Node.js: see docs/platform.md of kafka-component');
process.exit(1);
