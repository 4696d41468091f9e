// The class of every error status, whole and at the start of a stream; every way in which a stream can break.
import OpenAI from "openai";

const MODEL = "gpt-4o-mini";
const WORDS = "one two three four five six";
const got = {};
const client = new OpenAI({ maxRetries: 0 });
const request = (model, content) => ({ model, messages: [{ role: "user", content }] });
const faulty = (fault) => (fault ? { headers: { "x-sandbox-fault": fault } } : {});

async function failing(name, { with: one = client, model = MODEL, content = "hi", fault, ...more }) {
  for (const stream of [false, true]) {
    try {
      await one.chat.completions.create({ ...request(model, content), stream, ...more }, faulty(fault));
      got[name] = "no error";
    } catch (error) {
      got[name] = [error.constructor.name, error.status, error.code];
      if (!(error instanceof OpenAI.APIError && error.type && error.requestID)) got[name] = String(error);
    }
  }
}

await failing("wrong_key", { with: new OpenAI({ maxRetries: 0, apiKey: "sk-wrong" }) });
await failing("not_allowed", { with: new OpenAI({ maxRetries: 0, apiKey: process.env.NARROW_KEY }) });
await failing("unknown_model", { model: "no-such-model" });
await failing("out_of_range", { temperature: 3 });
await failing("empty_messages", { messages: [] });
await failing("upstream_422", { model: "m", content: "422" });
await failing("upstream_500", { model: "m", content: "500" });
await failing("upstream_503", { fault: "status=503" });
await failing("upstream_401", { fault: "status=401" });
await failing("reset", { fault: "reset" });
await failing("limited", { fault: "status=429,retry_after=2" });
try {
  await client.chat.completions.create({ ...request(MODEL, "hi"), temperature: 3 });
} catch (error) {
  got.param = error.param;
}

const breaks = [
  ["cut", MODEL, WORDS, "cut_after=3"],
  ["stall", "impatient", WORDS, "stall_after=3"],
  ["malformed", MODEL, WORDS, "malformed_at=4"],
  ["error_event", MODEL, WORDS, "error_event_after=3"],
  ["no_finish", "m", "no finish", undefined],
  ["upstream_cut", "m", "cut", undefined],
];
for (const [name, model, content, fault] of breaks) {
  let text = "";
  try {
    const body = { ...request(model, content), stream: true };
    for await (const chunk of await client.chat.completions.create(body, faulty(fault))) {
      text += chunk.choices[0]?.delta.content ?? "";
    }
    got[name] = `no error: ${text}`;
  } catch (error) {
    got[name] = [error instanceof OpenAI.APIError, error.code ?? String(error), text];
  }
  text = "";
  const stream = client.chat.completions.stream(request(model, content), faulty(fault));
  stream.on("content", (delta) => (text += delta));
  got[`helper_${name}`] = await stream.finalChatCompletion().then(
    () => `no error: ${text}`,
    (error) => [error instanceof OpenAI.OpenAIError, error.code ?? String(error), text],
  );
}

// What the SDK repeats by itself; the gateway's log says how often each call came.
const patient = new OpenAI({ maxRetries: 1 });
for (const [name, fault, more] of [
  ["auth-502", "status=401", {}],
  ["reset-502", "reset", {}],
  ["limited-429", "status=429,retry_after=1", {}],
  ["overloaded-503", "status=503,retry_after=1", { stream: true }],
  ["bad-400", undefined, { temperature: 3 }],
]) {
  const headers = { "X-Trace-ID": name, ...(faulty(fault).headers ?? {}) };
  await patient.chat.completions.create({ ...request(MODEL, "hi"), ...more }, { headers }).then(
    () => (got[name] = "no error"),
    (error) => (got[name] = error.constructor.name),
  );
}
const after = await client.chat.completions.create(request(MODEL, "one two three"));
got.after = after.choices[0].message.content;
console.log(JSON.stringify(got));
