"""Structured output: `parse`, the stream helper with a type, the errors that belong to them; log probabilities."""

import asyncio
import enum
import json
from typing import List, Optional, Union

import openai
from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel, Field

MODEL = "gpt-4o-mini"
got = {}
client = OpenAI(max_retries=0)
completions = client.chat.completions


class Colour(enum.Enum):
    red = "red"
    blue = "blue"


class Step(BaseModel):
    explanation: str
    output: Union[int, str]


class Shape(BaseModel):
    name: str
    colour: Colour
    sides: int = Field(ge=3, le=8)
    steps: List[Step]
    note: Optional[str]
    parent: Optional["Shape"]


def ask(content="a shape"):
    return [{"role": "user", "content": content}]


answer = completions.parse(model=MODEL, messages=ask(), response_format=Shape)
got["parse"] = isinstance(answer.choices[0].message.parsed, Shape)
got["parse_sides"] = 3 <= answer.choices[0].message.parsed.sides <= 8
got["finish"] = answer.choices[0].finish_reason

with completions.stream(model=MODEL, messages=ask(), response_format=Shape) as stream:
    done = [event.parsed for event in stream if event.type == "content.done"]
    final = stream.get_final_completion()
got["stream"] = isinstance(final.choices[0].message.parsed, Shape)
got["stream_done"] = len(done) == 1 and isinstance(done[0], Shape)
got["same"] = final.choices[0].message.parsed == answer.choices[0].message.parsed

answer = completions.create(model=MODEL, messages=ask("json"), response_format={"type": "json_object"})
got["json_object"] = isinstance(json.loads(answer.choices[0].message.content), dict)

schema = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 5}}, "required": ["n"]}
answer = completions.create(
    model=MODEL,
    messages=ask(),
    response_format={"type": "json_schema", "json_schema": {"name": "n", "schema": schema}},
)
got["json_schema"] = json.loads(answer.choices[0].message.content)["n"] >= 5

answer = completions.parse(model=MODEL, messages=ask("refuse: no"), response_format=Shape)
message = answer.choices[0].message
got["refusal"] = [bool(message.refusal), message.parsed, message.content]
with completions.stream(model=MODEL, messages=ask("refuse: no"), response_format=Shape) as stream:
    kinds = {event.type for event in stream}
    message = stream.get_final_completion().choices[0].message
got["refusal_streamed"] = [bool(message.refusal), message.parsed]
got["refusal_events"] = {"refusal.delta", "refusal.done"} <= kinds


def failing(name, **request):
    for how in ("parse", "stream"):
        try:
            if how == "parse":
                completions.parse(model=MODEL, response_format=Shape, **request)
            else:
                with completions.stream(model=MODEL, response_format=Shape, **request) as stream:
                    stream.until_done()
            got[name + "_" + how] = "no error"
        except openai.OpenAIError as error:
            got[name + "_" + how] = type(error).__name__


failing("length", messages=ask(), max_completion_tokens=1)
failing("filter", messages=ask("filter: this"))


with completions.stream(model=MODEL, messages=ask("one two three"), logprobs=True, top_logprobs=2) as stream:
    tokens = stream.get_final_completion().choices[0].logprobs.content
got["logprobs"] = "".join(token.token for token in tokens)
got["top_logprobs"] = all(len(token.top_logprobs) == 2 for token in tokens)


async def asynchronously():
    async with AsyncOpenAI(max_retries=0) as client:
        answer = await client.chat.completions.parse(model=MODEL, messages=ask(), response_format=Shape)
        got["async_parse"] = isinstance(answer.choices[0].message.parsed, Shape)


asyncio.run(asynchronously())
print(json.dumps(got))
