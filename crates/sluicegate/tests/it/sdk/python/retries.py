"""What the SDK repeats by itself. The gateway's log says how often each call came; its trace id names it."""

import json

import openai
from openai import OpenAI

MODEL = "gpt-4o-mini"
got = {}
client = OpenAI(max_retries=1)


def call(name, fault=None, model=MODEL, content="hi", **more):
    headers = {"X-Trace-ID": name}
    if fault:
        headers["x-sandbox-fault"] = fault
    try:
        client.chat.completions.create(
            model=model, messages=[{"role": "user", "content": content}], extra_headers=headers, **more
        )
        got[name] = "no error"
    except openai.APIStatusError as error:
        got[name] = [type(error).__name__, error.response.headers.get("x-should-retry")]


# No use in repeating: `x-should-retry: false`, though the status alone would be repeated.
call("auth-502", fault="status=401")
call("reset-502", fault="reset")
call("bad-502", fault="status=500")
call("upstream-502", model="m", content="500")
# Worth repeating; Retry-After says when.
call("limited-429", fault="status=429,retry_after=1")
call("limited-429-stream", fault="status=429,retry_after=1", stream=True)
call("overloaded-503", fault="status=503,retry_after=1")
# Never repeated by the SDK.
call("bad-400", temperature=3)
call("missing-404", model="no-such-model")
print(json.dumps(got))
