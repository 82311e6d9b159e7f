# SPDX-License-Identifier: Apache-2.0
"""Keeps what schemathesis asks of the server within the time that a test has.

Nothing is made right here: only waits become short, streams end by themselves, and brokers that
would be waited for are replaced by those that are there ($BROKERS).
"""

import json
import os

import schemathesis

LONGEST = {"maxWaitMs": 50, "timeoutMs": 1000}
STREAM = "/v1/triggers/consume"


def shorten(settings):
    for name, longest in LONGEST.items():
        value = settings.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and value > longest:
            settings[name] = longest
        elif isinstance(value, str) and value.isdigit() and int(value) > longest:
            settings[name] = str(longest)


def reach(credentials):
    if isinstance(credentials, dict) and "brokers" in credentials:
        credentials["brokers"] = os.environ["BROKERS"]
        credentials["mechanism"] = "none"
        credentials["securityProtocol"] = "PLAINTEXT"


@schemathesis.hook
def before_call(context, case, kwargs):
    body = case.body if isinstance(case.body, dict) else {}
    if isinstance(case.query, dict):
        shorten(case.query)
        if case.path.endswith("/poll") and "maxWaitMs" not in body:
            case.query.setdefault("maxWaitMs", "50")
        if case.path == STREAM:
            case.query["until"] = "end"
    shorten(body)
    reach(body.get("credentials"))
    if isinstance(body.get("config"), dict):
        shorten(body["config"])


@schemathesis.serializer("application/x-ndjson")
def as_lines(context, value):
    text = value if isinstance(value, str) else json.dumps(value)
    return text.encode("utf-8", "surrogatepass")
