"""Raw responses, models, the stream helper, timeouts."""

import asyncio
import json

import openai
from openai import AsyncOpenAI, OpenAI

MODEL = "gpt-4o-mini"
MESSAGES = [{"role": "user", "content": "one two three"}]
got = {}
client = OpenAI(max_retries=0)
completions = client.chat.completions

raw = completions.with_raw_response.create(
    model=MODEL, messages=MESSAGES, extra_headers={"X-Trace-ID": "my-trace"}
)
got["raw_status"] = raw.status_code
got["raw_text"] = raw.parse().choices[0].message.content
got["raw_trace"] = raw.headers.get("x-trace-id")
got["raw_provider"] = raw.headers.get("x-sluicegate-provider")
got["raw_model"] = raw.headers.get("x-sluicegate-model")
got["raw_attempts"] = raw.headers.get("x-sluicegate-attempts")
got["raw_request_id"] = bool(raw.request_id) and raw.request_id == raw.headers["x-request-id"]

with completions.with_streaming_response.create(model=MODEL, messages=MESSAGES, stream=True) as raw:
    lines = [line for line in raw.iter_lines() if line]
    got["raw_stream_type"] = raw.headers["content-type"].split(";")[0]
    got["raw_stream_end"] = lines[-1]

raw = completions.with_raw_response.create(model=MODEL, messages=MESSAGES, stream=True)
got["raw_stream_text"] = "".join(c.choices[0].delta.content or "" for c in raw.parse() if c.choices)

got["models"] = {"gpt-4o-mini", "sandbox/echo", "sandbox/text"} <= {m.id for m in client.models.list()}
got["model_alias"] = client.models.retrieve(MODEL).id
got["model_slash"] = client.models.retrieve("sandbox/echo").id
got["model_object"] = client.models.retrieve(MODEL).object
try:
    client.models.retrieve("nothing")
except openai.NotFoundError as error:
    got["model_missing"] = error.code

with completions.stream(model=MODEL, messages=MESSAGES, stream_options={"include_usage": True}) as stream:
    events = list(stream)
    final = stream.get_final_completion()
got["helper_deltas"] = "".join(event.delta for event in events if event.type == "content.delta")
got["helper_done"] = [event.content for event in events if event.type == "content.done"]
got["helper_final"] = final.choices[0].message.content
got["helper_usage"] = final.usage.completion_tokens

with completions.stream(model=MODEL, messages=MESSAGES, n=2) as stream:
    final = stream.get_final_completion()
got["helper_n"] = [choice.message.content for choice in final.choices]


def silent(**more):
    fault = {"x-sandbox-fault": "silent"}
    return {"model": MODEL, "messages": MESSAGES, "extra_headers": fault, "timeout": 0.5, **more}


for name, stream in [("timeout", False), ("timeout_stream", True)]:
    try:
        completions.create(**silent(stream=stream))
        got[name] = "no error"
    except openai.APITimeoutError as error:
        got[name] = type(error).__name__
got["after_timeouts"] = completions.create(model=MODEL, messages=MESSAGES).choices[0].message.content


async def asynchronously():
    async with AsyncOpenAI(max_retries=0) as client:
        completions = client.chat.completions
        async with completions.stream(model=MODEL, messages=MESSAGES) as stream:
            kinds = {event.type async for event in stream}
            final = await stream.get_final_completion()
        got["async_helper"] = final.choices[0].message.content
        got["async_helper_events"] = {"chunk", "content.delta", "content.done"} <= kinds
        got["async_models"] = MODEL in [model.id async for model in client.models.list()]
        raw = await completions.with_raw_response.create(model=MODEL, messages=MESSAGES)
        got["async_raw"] = raw.headers.get("x-sluicegate-provider")
        try:
            await completions.create(**silent())
        except openai.APITimeoutError:
            got["async_timeout"] = True
        # Many calls given up at a time leave the gateway and the client as they were.
        calls = [asyncio.create_task(completions.create(**silent())) for _ in range(8)]
        await asyncio.sleep(0)
        for call in calls:
            call.cancel()
        ended = await asyncio.gather(*calls, return_exceptions=True)
        got["async_cancelled"] = all(isinstance(end, asyncio.CancelledError) for end in ended)
        answer = await completions.create(model=MODEL, messages=MESSAGES)
        got["async_after"] = answer.choices[0].message.content


asyncio.run(asynchronously())
print(json.dumps(got))
