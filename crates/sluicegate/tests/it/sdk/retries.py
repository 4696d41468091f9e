import json

import openai
from openai import OpenAI

try:
    OpenAI().chat.completions.create(model="m", messages=[{"role": "user", "content": "hi"}])
    error = "no error"
except openai.APIStatusError as failure:
    error = type(failure).__name__
print(json.dumps({"error": error}))
