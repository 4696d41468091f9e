import asyncio
import json

from openai import AsyncOpenAI, OpenAI

MODEL = "gpt-4o-mini"
MESSAGES = [
    {"role": "system", "content": "You are a helpful assistant."},
    {"role": "user", "content": "one two three"},
]
got = {}


def text_of(chunks):
    chunks = list(chunks)
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    return text, sum(1 for c in chunks if c.usage is not None and not c.choices)


client = OpenAI(max_retries=0)
answer = client.chat.completions.create(model=MODEL, messages=MESSAGES)
got["create"] = answer.choices[0].message.content
got["finish_reason"] = answer.choices[0].finish_reason
got["usage"] = answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
got["request_id"] = bool(answer._request_id)

stream = client.chat.completions.create(model=MODEL, messages=MESSAGES, stream=True)
got["stream"], got["stream_usage_chunks"] = text_of(stream)

stream = client.chat.completions.create(
    model=MODEL, messages=MESSAGES, stream=True, stream_options={"include_usage": True}
)
got["stream_with_usage"], got["stream_with_usage_chunks"] = text_of(stream)

answer = client.chat.completions.create(model=MODEL, messages=MESSAGES, n=2, temperature=0, user="a")
got["n"] = len(answer.choices)
got["models"] = MODEL in [model.id for model in client.models.list()]

# Leaves in the middle of a stream; the client is fine afterwards.
with client.chat.completions.create(model=MODEL, messages=MESSAGES, stream=True) as stream:
    for _ in stream:
        break
got["early_close"] = client.chat.completions.create(model=MODEL, messages=MESSAGES).choices[0].message.content


async def asynchronously():
    async with AsyncOpenAI(max_retries=0) as client:
        answers = await asyncio.gather(
            *(client.chat.completions.create(model=MODEL, messages=MESSAGES) for _ in range(8))
        )
        texts = {answer.choices[0].message.content for answer in answers}
        got["async_create"] = texts.pop() if len(texts) == 1 else sorted(texts)
        text = ""
        async for chunk in await client.chat.completions.create(model=MODEL, messages=MESSAGES, stream=True):
            text += chunk.choices[0].delta.content or "" if chunk.choices else ""
        got["async_stream"] = text


asyncio.run(asynchronously())
print(json.dumps(got))
