// SPDX-License-Identifier: Apache-2.0
//
// echo.js - does what a message orders, one after the other; a body without orders is sent on.
// echo.c does the same as a step of ours.
//
//   {"orders": [{"data": BODY, "id": …, "headers": {…}, "times": N}, {"see": true},
//               {"error": "why"}, {"throw": "why"}, {"rebound": "why"},
//               {"reply": {"status": N, "body": …, "headers": {…}}},
//               {"snapshot": {…}}, {"update": {…}}, {"wait": MS}]}
//
// `see` emits the message as the step got it. `throw` ends the orders.
'use strict';

const deeds = {
  async data(step, order) {
    for (let i = 0; i < (order.times || 1); i++) {
      const message = { body: order.data };
      if (order.id) message.id = order.id;
      if (order.headers) message.headers = { ...order.headers };
      await step.emit('data', message);
    }
  },
  see: (step, order, { id, headers, body }) => step.emit('data', { body: { id, headers, body } }),
  error: (step, order) => step.emit('error', new Error(order.error)),
  throw: (step, order) => { throw new Error(order.throw); },
  rebound: (step, order) => step.emit('rebound', new Error(order.rebound)),
  reply: (step, { reply: { status, body, headers } }) =>
    step.emit('httpReply', { statusCode: status, body, headers }),
  snapshot: (step, order) => step.emit('snapshot', order.snapshot),
  update: (step, order) => step.emit('updateSnapshot', order.update),
  wait: (step, order) => new Promise((resolve) => setTimeout(resolve, order.wait)),
};

exports.process = async function echo(message) {
  const { orders } = message.body;
  if (!orders) return { body: message.body };
  for (const order of orders) {
    const deed = Object.keys(deeds).find((name) => name in order);
    await deeds[deed](this, order, message);
  }
  return undefined;
};
