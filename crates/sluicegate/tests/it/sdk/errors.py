import json

import openai
from openai import OpenAI

client = OpenAI(max_retries=0)
got = {}


def failing(name, client=client, model="m", content="hi", **more):
    try:
        client.chat.completions.create(
            model=model, messages=[{"role": "user", "content": content}], **more
        )
        got[name] = "no error"
    except openai.APIStatusError as error:
        got[name] = [type(error).__name__, error.status_code, error.code]


failing("wrong_key", client=OpenAI(max_retries=0, api_key="sk-wrong"))
failing("unknown_model", model="no-such-model")
failing("bad_request", temperature=3)
failing("upstream_422", content="422")
failing("upstream_500", content="500")
failing("upstream_503", content="503")

text = ""
try:
    stream = client.chat.completions.create(
        model="m", messages=[{"role": "user", "content": "cut"}], stream=True
    )
    for chunk in stream:
        text += chunk.choices[0].delta.content or ""
    got["cut_stream"] = ["no error", text]
except openai.APIError as error:
    got["cut_stream"] = [type(error).__name__, text, error.code]

answer = client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hi"}])
got["after_errors"] = answer.choices[0].message.content
failing("rate_limited", content="429")
print(json.dumps(got))
