// SPDX-License-Identifier: Apache-2.0
//
// openapi_lint.js - Redocly's linter: an OpenAPI document on stdin, a line per problem on stdout.
//
//   node openapi_lint.js    exit code 1 where there is a problem, be it a warning
//
// What `redocly lint` does, without its command line: that one is larger and asks for updates.
'use strict';

const { createConfig, lintFromString } = require('@redocly/openapi-core');

// By default an example may have nothing that its schema does not name; what several schemas
// name together (allOf, if and then) counts as not named.
const example = { severity: 'error', allowAdditionalProperties: true };

const rules = {
  'no-invalid-media-type-examples': example,
  // Beside what is recommended.
  'no-invalid-schema-examples': example,
  'no-invalid-parameter-examples': example,
  'operation-tag-defined': 'error',
  'parameter-description': 'error',
  // Looks for a required property in the same object only: `if`, `then` and `not` ask for those
  // that the schema around them has, and /v1/component says no more than what must be there.
  'no-required-schema-properties-undefined': 'off',
};

async function main() {
  const chunks = [];
  for await (const chunk of process.stdin) chunks.push(chunk);
  const config = await createConfig({ extends: ['recommended'], rules });
  const problems = await lintFromString({
    source: Buffer.concat(chunks).toString(),
    absoluteRef: '/openapi.json',
    config,
  });
  for (const { severity, ruleId, message, location: [at] } of problems)
    console.log(`${severity} ${ruleId} at ${at?.pointer}: ${message}`);
  process.exitCode = problems.length > 0 ? 1 : 0;
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 2;
});
