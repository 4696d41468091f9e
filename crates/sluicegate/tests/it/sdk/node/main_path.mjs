// The main path: create, stream, helpers, raw responses, models, timeouts, aborts.
import OpenAI from "openai";
import { ChatCompletionStream } from "openai/lib/ChatCompletionStream";

const MODEL = "gpt-4o-mini";
const messages = [
  { role: "system", content: "You are a helpful assistant." },
  { role: "user", content: "one two three" },
];
const got = {};
const client = new OpenAI({ maxRetries: 0 });
const completions = client.chat.completions;
const textOf = async (stream) => {
  let text = "";
  for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? "";
  return text;
};

const answer = await completions.create({ model: MODEL, messages });
got.create = answer.choices[0].message.content;
got.finish = answer.choices[0].finish_reason;
got.usage = answer.usage.total_tokens === answer.usage.prompt_tokens + answer.usage.completion_tokens;
got.request_id = Boolean(answer._request_id);

got.stream = await textOf(await completions.create({ model: MODEL, messages, stream: true }));
const withUsage = await completions.create({
  model: MODEL,
  messages,
  stream: true,
  stream_options: { include_usage: true },
});
const chunks = [];
for await (const chunk of withUsage) chunks.push(chunk);
got.usage_chunks = chunks.filter((chunk) => chunk.usage && chunk.choices.length === 0).length;
got.one_id = new Set(chunks.map((chunk) => chunk.id)).size;

const helper = completions.stream({ model: MODEL, messages, stream_options: { include_usage: true } });
let deltas = "";
helper.on("content", (delta) => (deltas += delta));
const final = await helper.finalChatCompletion();
got.helper = final.choices[0].message.content;
got.helper_deltas = deltas;
got.helper_usage = (await helper.totalUsage()).completion_tokens;
// A page of a web server passes a stream on like this; the browser reads it again.
const passedOn = completions.stream({ model: MODEL, messages }).toReadableStream();
got.readable = await ChatCompletionStream.fromReadableStream(passedOn).finalContent();

const { data, response, request_id } = await completions
  .create({ model: MODEL, messages }, { headers: { "X-Trace-ID": "my-trace" } })
  .withResponse();
got.raw_text = data.choices[0].message.content;
got.raw_trace = response.headers.get("x-trace-id");
got.raw_provider = response.headers.get("x-sluicegate-provider");
got.raw_attempts = response.headers.get("x-sluicegate-attempts");
got.raw_request_id = Boolean(request_id) && request_id === response.headers.get("x-request-id");

const ids = [];
for await (const model of client.models.list()) ids.push(model.id);
got.models = [MODEL, "sandbox/echo", "sandbox/text"].every((id) => ids.includes(id));
got.model_alias = (await client.models.retrieve(MODEL)).id;
got.model_slash = (await client.models.retrieve("sandbox/echo")).id;

const silent = { headers: { "x-sandbox-fault": "silent" } };
for (const stream of [false, true]) {
  try {
    await completions.create({ model: MODEL, messages, stream }, { ...silent, timeout: 500 });
  } catch (error) {
    got[`timeout_${stream}`] = error.constructor.name;
  }
}
const controller = new AbortController();
const aborted = completions.create({ model: MODEL, messages }, { ...silent, signal: controller.signal });
controller.abort();
got.aborted = await aborted.then(() => "no error", (error) => error.constructor.name);

// Leaves in the middle of a stream; the client is fine afterwards.
for await (const chunk of await completions.create({ model: MODEL, messages, stream: true })) {
  if (chunk.choices.length > 0) break;
}
const many = await Promise.all(Array.from({ length: 8 }, () => completions.create({ model: MODEL, messages })));
got.many = [...new Set(many.map((one) => one.choices[0].message.content))];
console.log(JSON.stringify(got));
