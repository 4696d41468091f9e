"""The requests of the vectors against the providers' own types, and the replies against OpenAI's."""

import functools
import json
import pathlib
import sys

from anthropic.types import message_create_params
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from pydantic import TypeAdapter, ValidationError

VECTORS = pathlib.Path(sys.argv[1])
TRANSLATED = ["anthropic", "bedrock", "cohere", "gemini", "ollama"]


adapter = functools.cache(TypeAdapter)


def anthropic(body):
    # Platforms name the model in the path, and the version in the body.
    if body.pop("anthropic_version", None):
        body["model"] = "named-in-the-path"
    kind = "Streaming" if body.get("stream") else "NonStreaming"
    params = getattr(message_create_params, f"MessageCreateParams{kind}")
    known = set(params.__annotations__) | set(message_create_params.MessageCreateParamsBase.__annotations__)
    # Older models take these, with the version of the API that goes with them; the package knows the newest alone.
    unknown = set(body) - known - {"temperature", "top_k", "top_p"}
    if unknown:
        raise ValueError(f"unknown: {sorted(unknown)}")
    adapter(params).validate_python(body)


REQUESTS = {"anthropic": anthropic}


def is_custom(chunk):
    """Calls of custom tools are in the types of whole answers only."""
    calls = [call for choice in chunk["choices"] for call in choice["delta"].get("tool_calls") or []]
    return any(call.get("type") == "custom" for call in calls)


def replies(case):
    if (case / "reply.json").exists():
        yield ChatCompletion, json.loads((case / "reply.json").read_text())
    if (case / "reply.sse").exists():
        for line in (case / "reply.sse").read_text().splitlines():
            if line.startswith("data: {"):
                chunk = json.loads(line.removeprefix("data: "))
                if not is_custom(chunk):
                    yield ChatCompletionChunk, chunk


wrong, requests, answers = [], 0, 0
for dialect in TRANSLATED:
    for case in sorted((VECTORS / dialect).iterdir()):
        name = f"{dialect}/{case.name}"
        request = case / "upstream_request.json"
        try:
            if dialect in REQUESTS and request.exists():
                REQUESTS[dialect](json.loads(request.read_text()))
                requests += 1
            for model, value in replies(case):
                model.model_validate(value)
                answers += 1
        except (ValidationError, ValueError) as error:
            wrong.append(f"{name}: {str(error)[:300]}")
print(json.dumps({"wrong": wrong, "some_requests": requests > 100, "some_replies": answers > 300}))
