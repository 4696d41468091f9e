"""One conversation with tools over three turns: two calls at once, one more, and a text. A program may keep all of a
message, or only what it knows of."""

import json

import openai
from openai import OpenAI
from pydantic import BaseModel


class Weather(BaseModel):
    """The weather of a city."""

    city: str


TOOLS = [openai.pydantic_function_tool(Weather, name="weather")]
client = OpenAI(max_retries=0)
got = {}


def whole(**request):
    choice = client.chat.completions.create(**request).choices[0]
    return choice.finish_reason, choice.message.model_dump(exclude_unset=True)


def helper(**request):
    with client.chat.completions.stream(**request) as stream:
        kinds = {event.type for event in stream}
        choice = stream.get_final_completion().choices[0]
    for call in choice.message.tool_calls or []:
        assert isinstance(call.function.parsed_arguments, Weather)
        assert "tool_calls.function.arguments.done" in kinds, kinds
    return choice.finish_reason, choice.message.model_dump(exclude_unset=True, exclude={"parsed"})


def by_hand(**request):
    """Knows no more of a call than its id, its name and its arguments."""
    calls, text, finish = {}, "", None
    for chunk in client.chat.completions.create(stream=True, **request):
        for choice in chunk.choices:
            text += choice.delta.content or ""
            finish = choice.finish_reason or finish
            for delta in choice.delta.tool_calls or []:
                call = calls.setdefault(delta.index, {"type": "function", "function": {"arguments": ""}})
                call["id"] = call.get("id") or delta.id
                call["function"]["name"] = call["function"].get("name") or delta.function.name
                call["function"]["arguments"] += delta.function.arguments or ""
    assert sorted(calls) == list(range(len(calls))), calls
    message = {"role": "assistant", "content": text or None}
    return finish, message | ({"tool_calls": list(calls.values())} if calls else {})


for ask in (whole, helper, by_hand):
    messages = [{"role": "user", "content": "Where is it sunny?"}]
    saw = []
    for _turn in range(3):
        finish, message = ask(model="m", messages=messages, tools=TOOLS, reasoning_effort="high")
        calls = message.get("tool_calls") or []
        cities = [json.loads(call["function"]["arguments"])["city"] for call in calls]
        saw.append([finish, [call["id"] for call in calls], cities, message["content"] or ""])
        messages.append(message)
        messages += [
            {"role": "tool", "tool_call_id": call["id"], "content": f"rain in {city}"}
            for call, city in zip(calls, cities)
        ]
    got[ask.__name__] = saw
print(json.dumps(got))
