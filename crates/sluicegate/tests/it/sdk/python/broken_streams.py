"""Every way in which a stream can break raises, and what came before is there."""

import asyncio
import json

import openai
from openai import AsyncOpenAI, OpenAI

WORDS = "one two three four five six"
# Name, model, what the user says, the fault.
BREAKS = [
    ("cut", "gpt-4o-mini", WORDS, "cut_after=3"),
    ("stall", "impatient", WORDS, "stall_after=3"),
    ("malformed", "gpt-4o-mini", WORDS, "malformed_at=4"),
    ("error_event", "gpt-4o-mini", WORDS, "error_event_after=3"),
    ("no_finish", "m", "no finish", None),
    ("upstream_cut", "m", "cut", None),
]
got = {}


def request(model, content, fault):
    headers = {"x-sandbox-fault": fault} if fault else {}
    return {"model": model, "messages": [{"role": "user", "content": content}], "extra_headers": headers}


def note(name, error, text):
    got[name] = [type(error).__name__, error.code, text]


client = OpenAI(max_retries=0)
for name, *parts in BREAKS:
    text = ""
    try:
        for chunk in client.chat.completions.create(stream=True, **request(*parts)):
            text += chunk.choices[0].delta.content or "" if chunk.choices else ""
        got[name] = "no error: " + text
    except openai.APIError as error:
        note(name, error, text)
    text = ""
    try:
        with client.chat.completions.stream(**request(*parts)) as stream:
            for event in stream:
                text += event.delta if event.type == "content.delta" else ""
        got["helper_" + name] = "no error: " + text
    except openai.APIError as error:
        note("helper_" + name, error, text)

# Asked twice over one client: a broken stream leaves no connection behind that would break the next call.
answer = client.chat.completions.create(**request("gpt-4o-mini", WORDS, "no_done"), stream=True)
got["no_done"] = "".join(chunk.choices[0].delta.content or "" for chunk in answer)


async def asynchronously():
    async with AsyncOpenAI(max_retries=0) as client:
        for name, *parts in BREAKS:
            text = ""
            try:
                async for chunk in await client.chat.completions.create(stream=True, **request(*parts)):
                    text += chunk.choices[0].delta.content or "" if chunk.choices else ""
                got["async_" + name] = "no error: " + text
            except openai.APIError as error:
                note("async_" + name, error, text)


asyncio.run(asynchronously())
print(json.dumps(got))
