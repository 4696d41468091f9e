"""The class of every error status, whole and at the start of a stream; nothing is repeated here."""

import asyncio
import json
import os

import openai
from openai import AsyncOpenAI, OpenAI

MODEL = "gpt-4o-mini"
got = {}
client = OpenAI(max_retries=0)
KEYS = {"message", "type", "param", "code"}


def note(name, error):
    got[name] = [type(error).__name__, error.status_code, error.code]
    # What the SDK reads of the body, and of the head.
    assert set(error.body) == KEYS and error.type and error.message, error.body
    assert error.request_id and error.response.headers["x-trace-id"], error


def failing(name, client=client, model=MODEL, content="hi", fault=None, **more):
    headers = {"x-sandbox-fault": fault} if fault else {}
    for stream in (False, True):
        try:
            client.chat.completions.create(
                model=model,
                messages=[{"role": "user", "content": content}],
                stream=stream,
                extra_headers=headers,
                **more,
            )
            got[name] = "no error"
        except openai.APIStatusError as error:
            note(name, error)


failing("wrong_key", client=OpenAI(max_retries=0, api_key="sk-wrong"))
failing("not_allowed", client=OpenAI(max_retries=0, api_key=os.environ["NARROW_KEY"]))
failing("unknown_model", model="no-such-model")
failing("out_of_range", temperature=3)
failing("wrong_type", extra_body={"n": "two"})
failing("empty_messages", extra_body={"messages": []})
failing("upstream_422", model="m", content="422")
failing("upstream_500", model="m", content="500")
failing("upstream_503", fault="status=503")
failing("upstream_401", fault="status=401")
failing("reset", fault="reset")
failing("limited", fault="status=429,retry_after=2")

try:
    client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "hi"}], temperature=3)
except openai.BadRequestError as error:
    got["param"] = error.param

try:
    client.post("/no/such/path", cast_to=object, body={})
except openai.NotFoundError as error:
    got["unknown_path"] = error.code

unreachable = OpenAI(max_retries=0, base_url="http://127.0.0.1:1/v1")
try:
    unreachable.models.list()
except openai.APIConnectionError as error:
    got["unreachable"] = type(error).__name__


async def asynchronously():
    async with AsyncOpenAI(max_retries=0, api_key="sk-wrong") as client:
        try:
            await client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "hi"}])
        except openai.AuthenticationError as error:
            note("async_wrong_key", error)


asyncio.run(asynchronously())
answer = client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "one two three"}])
got["after_errors"] = answer.choices[0].message.content
print(json.dumps(got))
