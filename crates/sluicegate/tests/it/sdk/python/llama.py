"""LlamaIndex's model for OpenAI-compatible servers."""

import asyncio
import json
import os
from typing import List, Literal

import openai
from llama_index.core.llms import ChatMessage, MessageRole
from llama_index.core.tools import FunctionTool
from llama_index.llms.openai_like import OpenAILike
from pydantic import BaseModel

WORDS = "one two three"
got = {}


def made(**more):
    settings = {
        "model": "gpt-4o-mini",
        "api_base": os.environ["OPENAI_BASE_URL"],
        "api_key": os.environ["OPENAI_API_KEY"],
        "is_chat_model": True,
        "is_function_calling_model": True,
        "should_use_structured_outputs": True,
        "context_window": 128000,
        "max_retries": 0,
    }
    return OpenAILike(**{**settings, **more})


model = made()
user = [ChatMessage(role="system", content="You are a helpful assistant."), ChatMessage(role="user", content=WORDS)]
got["chat"] = model.chat(user).message.content
got["complete"] = model.complete(WORDS).text
got["stream"] = "".join(piece.delta or "" for piece in model.stream_chat(user))


async def asynchronously():
    got["achat"] = (await model.achat(user)).message.content
    got["astream"] = "".join([piece.delta or "" async for piece in await model.astream_chat(user)])


asyncio.run(asynchronously())

try:
    made(api_key="sk-wrong").chat(user)
except openai.AuthenticationError as error:
    got["wrong_key"] = error.code
text = ""
try:
    for piece in made(default_headers={"x-sandbox-fault": "cut_after=2"}).stream_chat(user):
        text += piece.delta or ""
except openai.APIError as error:
    got["cut"] = [text, error.code]


class Shape(BaseModel):
    """A shape."""

    name: str
    sides: int
    colours: List[Literal["red", "blue"]]


def weather(city: str, days: int) -> str:
    """The weather of a city for some days."""
    return "sunny in " + city


def features():
    tool = FunctionTool.from_defaults(weather)
    for stream in (False, True):
        history = [ChatMessage(role="user", content="call: weather")]
        answer = ask(stream, tool, history)
        calls = model.get_tool_calls_from_response(answer, error_on_no_tool_call=False)
        outputs = [tool.call(**call.tool_kwargs) for call in calls]
        history.append(answer.message)
        for call, output in zip(calls, outputs):
            history.append(
                ChatMessage(
                    role=MessageRole.TOOL,
                    content=output.content,
                    additional_kwargs={"tool_call_id": call.tool_id},
                )
            )
        second = ask(stream, tool, history)
        history += [second.message, ChatMessage(role="user", content="thank you")]
        third = ask(stream, tool, history)
        got["tools_" + str(stream).lower()] = [
            [call.tool_name for call in calls],
            bool(second.message.content),
            third.message.content,
        ]
    result = model.predict_and_call([tool], user_msg="call: weather")
    got["predict_and_call"] = str(result).startswith("sunny in ")
    shape = model.as_structured_llm(Shape).complete("a shape").raw
    got["structured"] = isinstance(shape, Shape)
    shape = made(should_use_structured_outputs=False).as_structured_llm(Shape).complete("a shape").raw
    got["structured_by_call"] = isinstance(shape, Shape)


def ask(stream, tool, history):
    if not stream:
        return model.chat_with_tools([tool], chat_history=history)
    last = None
    for last in model.stream_chat_with_tools([tool], chat_history=history):
        pass
    return last


if os.environ["PART"] == "features":
    features()
print(json.dumps(got))
