"""Function tools in conversations of three turns, parallel calls, forced calls, the older functions."""

import asyncio
import json
from typing import List, Literal

import openai
from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel

MODEL = "gpt-4o-mini"
got = {}


class Place(BaseModel):
    city: str
    country: Literal["FR", "DE"]


class Weather(BaseModel):
    """The weather of a place."""

    place: Place
    days: int
    units: List[Literal["metric", "imperial"]]


class Clock(BaseModel):
    """The time in a zone."""

    zone: str


WEATHER = openai.pydantic_function_tool(Weather, name="weather")
CLOCK = openai.pydantic_function_tool(Clock, name="clock")
TOOLS = [WEATHER, CLOCK]
client = OpenAI(max_retries=0)


def result(call):
    return {"role": "tool", "tool_call_id": call.id, "content": "sunny"}


def whole(**request):
    return client.chat.completions.create(model=MODEL, **request).choices[0]


def streamed(**request):
    """Puts the deltas together by hand, as programs without the helper do."""
    calls, text, finish = {}, "", None
    for chunk in client.chat.completions.create(model=MODEL, stream=True, **request):
        for choice in chunk.choices:
            text += choice.delta.content or ""
            finish = choice.finish_reason or finish
            for delta in choice.delta.tool_calls or []:
                call = calls.setdefault(delta.index, {"type": "function", "arguments": ""})
                call["id"] = call.get("id") or delta.id
                call["name"] = call.get("name") or delta.function.name
                call["arguments"] += delta.function.arguments or ""
    assert sorted(calls) == list(range(len(calls))), calls
    message = {"role": "assistant", "content": text or None}
    if calls:
        message["tool_calls"] = [
            {
                "id": call["id"],
                "type": "function",
                "function": {"name": call["name"], "arguments": call["arguments"]},
            }
            for _, call in sorted(calls.items())
        ]
    choice = {"index": 0, "finish_reason": finish, "logprobs": None, "message": message}
    return openai.types.chat.chat_completion.Choice.model_validate(choice)


def helper(**request):
    with client.chat.completions.stream(model=MODEL, **request) as stream:
        events = [event.type for event in stream]
        choice = stream.get_final_completion().choices[0]
    if choice.message.tool_calls:
        assert "tool_calls.function.arguments.delta" in events, events
        assert "tool_calls.function.arguments.done" in events, events
        assert isinstance(choice.message.tool_calls[0].function.parsed_arguments, Weather)
    return choice


def conversation(name, ask):
    messages = [{"role": "user", "content": "call: weather"}]
    choice = ask(messages=messages, tools=TOOLS)
    calls = choice.message.tool_calls
    Weather.model_validate_json(calls[0].function.arguments)
    first = [choice.finish_reason, [call.function.name for call in calls], calls[0].type]
    messages += [choice.message.model_dump(exclude_unset=True), result(calls[0])]
    choice = ask(messages=messages, tools=TOOLS)
    second = [choice.finish_reason, bool(choice.message.content), bool(choice.message.tool_calls)]
    messages += [choice.message.model_dump(exclude_unset=True), {"role": "user", "content": "thank you"}]
    choice = ask(messages=messages, tools=TOOLS)
    got[name] = [first, second, [choice.finish_reason, choice.message.content]]


conversation("whole", whole)
conversation("streamed", streamed)
conversation("helper", helper)

for name, ask in [("whole", whole), ("streamed", streamed), ("helper", helper)]:
    both = [{"role": "user", "content": "call: weather, clock"}]
    calls = ask(messages=both, tools=TOOLS).message.tool_calls
    Clock.model_validate_json(calls[1].function.arguments)
    got["parallel_" + name] = [call.function.name for call in calls]
    got["ids_differ_" + name] = len({call.id for call in calls}) == 2
    calls = ask(messages=both, tools=TOOLS, parallel_tool_calls=False).message.tool_calls
    got["not_parallel_" + name] = len(calls)
    done = ask(messages=both, tools=TOOLS, tool_choice="none")
    got["none_" + name] = [done.finish_reason, bool(done.message.tool_calls)]

hi = [{"role": "user", "content": "hi"}]
choice = whole(messages=hi, tools=TOOLS, tool_choice={"type": "function", "function": {"name": "clock"}})
got["forced"] = [call.function.name for call in choice.message.tool_calls]
got["required"] = bool(whole(messages=hi, tools=TOOLS, tool_choice="required").message.tool_calls)

parsed = client.chat.completions.parse(
    model=MODEL, messages=[{"role": "user", "content": "call: weather"}], tools=TOOLS
)
arguments = parsed.choices[0].message.tool_calls[0].function.parsed_arguments
got["parsed_arguments"] = isinstance(arguments, Weather)

FUNCTIONS = [{"name": "weather", "description": "The weather", "parameters": WEATHER["function"]["parameters"]}]


def older(name, stream):
    messages = [{"role": "user", "content": "call: weather"}]
    request = {"model": MODEL, "functions": FUNCTIONS, "function_call": "auto", "stream": stream}
    if stream:
        function, arguments, finish = "", "", None
        for chunk in client.chat.completions.create(messages=messages, **request):
            for choice in chunk.choices:
                finish = choice.finish_reason or finish
                if choice.delta.function_call:
                    function += choice.delta.function_call.name or ""
                    arguments += choice.delta.function_call.arguments or ""
    else:
        choice = client.chat.completions.create(messages=messages, **request).choices[0]
        call, finish = choice.message.function_call, choice.finish_reason
        function, arguments = call.name, call.arguments
    Weather.model_validate_json(arguments)
    messages += [
        {"role": "assistant", "content": None, "function_call": {"name": function, "arguments": arguments}},
        {"role": "function", "name": "weather", "content": "sunny"},
    ]
    request["stream"] = False
    choice = client.chat.completions.create(messages=messages, **request).choices[0]
    got[name] = [finish, function, choice.finish_reason, bool(choice.message.content)]


older("functions", False)
older("functions_streamed", True)


async def asynchronously():
    async with AsyncOpenAI(max_retries=0) as client:
        messages = [{"role": "user", "content": "call: clock"}]
        async with client.chat.completions.stream(model=MODEL, messages=messages, tools=TOOLS) as stream:
            calls = (await stream.get_final_completion()).choices[0].message.tool_calls
        got["async_call"] = [call.function.name for call in calls]


asyncio.run(asynchronously())
print(json.dumps(got))
