"""LangChain's chat model for OpenAI-compatible servers."""

import asyncio
import json
import os
from typing import List, Literal

import openai
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from pydantic import BaseModel

WORDS = "one two three"
got = {}
URL = os.environ["OPENAI_BASE_URL"]
model = ChatOpenAI(model="gpt-4o-mini", base_url=URL, max_retries=0, stream_usage=True)

answer = model.invoke([SystemMessage("You are a helpful assistant."), HumanMessage(WORDS)])
got["invoke"] = [answer.content, answer.response_metadata["finish_reason"]]
got["usage"] = answer.usage_metadata["output_tokens"]

pieces = list(model.stream(WORDS))
got["stream"] = "".join(piece.content for piece in pieces)
got["stream_usage"] = sum(piece.usage_metadata["output_tokens"] for piece in pieces if piece.usage_metadata)
got["batch"] = [answer.content for answer in model.batch([WORDS, "four"])]


async def asynchronously():
    got["ainvoke"] = (await model.ainvoke(WORDS)).content
    got["astream"] = "".join([piece.content async for piece in model.astream(WORDS)])


asyncio.run(asynchronously())

try:
    ChatOpenAI(model="gpt-4o-mini", base_url=URL, max_retries=0, api_key="sk-wrong").invoke(WORDS)
except openai.AuthenticationError as error:
    got["wrong_key"] = error.code
text = ""
try:
    faulty = ChatOpenAI(
        model="gpt-4o-mini", base_url=URL, max_retries=0, default_headers={"x-sandbox-fault": "cut_after=2"}
    )
    for piece in faulty.stream(WORDS):
        text += piece.content
except openai.APIError as error:
    got["cut"] = [text, error.code]


class Shape(BaseModel):
    """A shape."""

    name: str
    sides: int
    colours: List[Literal["red", "blue"]]


@tool
def weather(city: str, days: int) -> str:
    """The weather of a city for some days."""
    return "sunny"


@tool
def clock(zone: str) -> str:
    """The time in a zone."""
    return "noon"


def features():
    for name, ask in [("invoke", lambda m, x: m.invoke(x)), ("stream", lambda m, x: together(m.stream(x)))]:
        able = model.bind_tools([weather, clock])
        messages = [HumanMessage("call: weather, clock")]
        answer = ask(able, messages)
        names = [call["name"] for call in answer.tool_calls]
        # Runs the tools with the arguments as they came: they are checked.
        results = [
            {"weather": weather, "clock": clock}[call["name"]].invoke(call) for call in answer.tool_calls
        ]
        assert all(isinstance(result, ToolMessage) for result in results), results
        messages += [AIMessage(**answer.model_dump(exclude={"type"})), *results]
        second = ask(able, messages)
        messages += [second, HumanMessage("thank you")]
        third = ask(able, messages)
        got["tools_" + name] = [names, bool(second.content), second.tool_calls, third.content]
    forced = model.bind_tools([clock], tool_choice="clock").invoke("hi")
    got["forced"] = [call["name"] for call in forced.tool_calls]
    for method in ["json_schema", "function_calling"]:
        shape = model.with_structured_output(Shape, method=method).invoke("a shape")
        got["structured_" + method] = isinstance(shape, Shape)
    raw = model.with_structured_output(method="json_mode").invoke("json please")
    got["structured_json_mode"] = isinstance(raw, dict)


def together(pieces):
    whole = None
    for piece in pieces:
        whole = piece if whole is None else whole + piece
    return whole


if os.environ["PART"] == "features":
    features()
print(json.dumps(got))
