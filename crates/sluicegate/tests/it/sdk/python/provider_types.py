"""The requests of the vectors of translated dialects by the types that providers publish, and the replies by OpenAI's.

Nothing is coerced, and what a type does not name is wrong, however deep it stands.
"""

import base64
import collections
import functools
import inspect
import json
import pathlib
import re
import sys
import tomllib
import typing
import warnings

import botocore.loaders
import botocore.model
import botocore.validate
import typing_extensions
from anthropic.types import message_create_params
from anthropic.types.beta import message_create_params as beta_message_create_params
from cohere.v2.client import V2Client
from google.genai import types as genai
from ollama import Message as OllamaMessage
from ollama import Options as OllamaOptions
from ollama._types import ChatRequest as OllamaRequest
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from pydantic import TypeAdapter, ValidationError, create_model
from pydantic_core import SchemaValidator

VECTORS = pathlib.Path(sys.argv[1])
# An enumeration of Google's package takes any word, with a warning.
warnings.simplefilter("error")


class Wrong(Exception):
    """What a body has that the types do not."""


# What a provider takes and its package's types do not name yet, by dialect; and what answers have beyond OpenAI's
# types. Each must still be needed: one that no vector has is wrong, too.
BEYOND = {
    "anthropic": {
        # Models up to Opus 4.6 and Sonnet 4.6 take these; the package names what the newest take.
        "temperature",
        "top_k",
        "top_p",
    },
    "ollama": {
        # In the server's own `api/types.go`.
        "messages[].tool_calls[].id",
        "messages[].tool_call_id",
        "options.min_p",
    },
    "replies": {
        # The names that most programs read reasoning and citations by; what must come back with a call.
        "choices[].message.reasoning_content",
        "choices[].message.thinking_blocks",
        "choices[].message.tool_calls[].extra_content",
        "choices[].delta.reasoning_content",
        "choices[].delta.thinking_blocks",
        "choices[].delta.tool_calls[].extra_content",
        # Whole answers have these by their types; their types of chunks leave them out.
        "choices[].delta.annotations",
        "choices[].delta.tool_calls[].custom",
        # What a cache for an hour costs differs from what one for minutes costs.
        "usage.prompt_tokens_details.cache_write_1h_tokens",
    },
}
used = set()


def without_beyond(part, value):
    for path in BEYOND.get(part, ()):
        places = [value]
        *way, last = path.replace("[]", ".[]").split(".")
        for step in way:
            places = [inner for place in places for inner in inside(place, step)]
        for place in places:
            if last in place:
                used.add((part, path))
                del place[last]
    return value


def inside(place, step):
    if step == "[]":
        return place
    inner = place.get(step)
    return [] if inner is None else [inner]


def lists(schema):
    """A schema whose iterables are lists: pydantic checks the items of others only when they are read."""
    if isinstance(schema, dict):
        schema = {name: lists(inner) for name, inner in schema.items()}
        if schema.get("type") == "generator":
            schema["type"] = "list"
        return schema
    return [lists(inner) for inner in schema] if isinstance(schema, list) else schema


@functools.cache
def validator(kind):
    # Some packages put off the making of a model's schema; not so of one in a list.
    of_list = TypeAdapter(list[kind]).core_schema
    return SchemaValidator(lists(of_list))


def check(kind, value):
    """Against a type, without coercion and without unknown fields. Of a union's complaints, the deepest tell most."""
    try:
        validator(kind).validate_json(json.dumps([value]), strict=True, extra="forbid")
    except ValidationError as error:
        deepest = sorted(error.errors(include_url=False), key=lambda one: -len(one["loc"]))[:4]
        raise Wrong("; ".join(f"{'.'.join(map(str, one['loc'][1:]))}: {one['msg']}" for one in deepest)) from None
    except Warning as warning:
        raise Wrong(str(warning)) from None


def anthropic(body, facts):
    # Platforms name the model in the path, and the version in the body.
    if body.pop("anthropic_version", None):
        body = {"model": "named-in-the-path"} | body
        if ":streamRawPredict" not in facts["path"] and ":rawPredict" not in facts["path"]:
            assert "stream" not in body, "Bedrock streams by its path"
    beta = any(header.startswith("anthropic-beta:") for header in facts.get("headers", []))
    kinds = beta_message_create_params if beta else message_create_params
    check(getattr(kinds, f"MessageCreateParams{'Streaming' if body.get('stream') else 'NonStreaming'}"), body)


class Gemini(typing_extensions.TypedDict, total=False):
    """The body of `generateContent`: the package has types of its fields alone."""

    contents: typing_extensions.Required[list[genai.Content]]
    systemInstruction: genai.Content
    tools: list[genai.Tool]
    toolConfig: genai.ToolConfig
    safetySettings: list[genai.SafetySetting]
    generationConfig: genai.GenerationConfig
    cachedContent: str
    labels: dict[str, str]
    serviceTier: genai.ServiceTier


def gemini(body, _facts):
    check(Gemini, body)


def cohere(body, _facts):
    assert body.pop("stream") in (True, False)
    check(cohere_params(), body)


@functools.cache
def cohere_params():
    """The arguments of a method of the client: the package has types of them alone."""
    hints = typing.get_type_hints(V2Client.chat_stream, include_extras=True)
    arguments = inspect.signature(V2Client.chat_stream).parameters
    fields = {
        name: (hints[name], ... if argument.default is argument.empty else None)
        for name, argument in arguments.items()
        if name not in ("self", "request_options")
    }
    return create_model("Params", **fields)


def ollama(body, _facts):
    # The package makes the text of an image from this.
    for message in body["messages"]:
        message["images"] = [{"value": image} for image in message.get("images", []) if base64.b64decode(image)]
    # The request's own type takes any mapping for these.
    check(list[OllamaMessage], body["messages"])
    check(OllamaOptions, body.get("options", {}))
    check(OllamaRequest, body)


@functools.cache
def bedrock_service():
    return botocore.model.ServiceModel(botocore.loaders.Loader().load_service_model("bedrock-runtime", "service-2"))


def of_shape(shape, value, path):
    """What botocore leaves to the service: the words of enumerations, patterns, how long texts are."""
    if shape.type_name == "structure" and not getattr(shape, "is_document_type", False):
        for name, inner in value.items():
            yield from of_shape(shape.members[name], inner, f"{path}.{name}")
    elif shape.type_name == "list":
        for item in value:
            yield from of_shape(shape.member, item, f"{path}[]")
    elif shape.type_name == "string":
        limits = shape.metadata
        if value not in limits.get("enum", [value]):
            yield f"{path}: {value!r} is not of {limits['enum']}"
        if not re.fullmatch(limits.get("pattern", "(?s:.*)"), value):
            yield f"{path}: {value!r} does not match {limits['pattern']}"
        if len(value) > limits.get("max", len(value)):
            yield f"{path}: longer than {limits['max']}"


def bedrock(body, facts):
    operation = {"converse": "Converse", "converse-stream": "ConverseStream"}[facts["path"].rsplit("/", 1)[1]]
    shape = bedrock_service().operation_model(operation).input_shape
    body["modelId"] = facts["upstream_model"]
    report = botocore.validate.ParamValidator().validate(body, shape)
    if report.has_errors():
        raise Wrong(report.generate_report())
    if wrong := list(of_shape(shape, body, "")):
        raise Wrong("; ".join(wrong))


REQUESTS = {"anthropic": anthropic, "bedrock": bedrock, "cohere": cohere, "gemini": gemini, "ollama": ollama}


def replies(case):
    if (case / "reply.json").exists():
        yield ChatCompletion, json.loads((case / "reply.json").read_text())
    if (case / "reply.sse").exists():
        for line in (case / "reply.sse").read_text().splitlines():
            if line.startswith("data: {"):
                yield ChatCompletionChunk, json.loads(line.removeprefix("data: "))


def check_reply(kind, value):
    for choice in value["choices"]:
        # Chunks have no type for calls of custom tools; see `BEYOND`.
        for call in choice.get("delta", {}).get("tool_calls", []):
            if "custom" in call:
                call.pop("type", None)
    check(kind, without_beyond("replies", value))


def main():
    wrong, requests, answers = [], collections.Counter(), collections.Counter()
    for folder in sorted(VECTORS.iterdir()):
        dialect = folder.name
        if dialect == "openai":
            continue
        for case in sorted(folder.iterdir()):
            request = case / "upstream_request.json"
            facts = tomllib.loads((case / "case.toml").read_text())
            try:
                if request.exists():
                    REQUESTS[dialect](without_beyond(dialect, json.loads(request.read_text())), facts)
                    requests[dialect] += 1
                for kind, value in replies(case):
                    check_reply(kind, value)
                    answers[dialect] += 1
            except (Wrong, AssertionError, KeyError, ValueError) as error:
                wrong.append(f"{dialect}/{case.name}: {error!r:.500}")
    wrong += [f"{part}: {path} is in no vector" for part in BEYOND for path in BEYOND[part] if (part, path) not in used]
    print(json.dumps({"wrong": wrong, "requests_of": sorted(requests), "replies_of": sorted(answers)}))


main()
