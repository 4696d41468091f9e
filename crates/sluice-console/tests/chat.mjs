import assert from "node:assert/strict";
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

// Outside a package a file is a module by its name.
const folder = mkdtempSync(join(tmpdir(), "chat-"));
copyFileSync(join(process.env.ASSETS, "chat.js"), join(folder, "chat.mjs"));
const { Answer, Events, messageOf, placeOf, shortened } = await import(join(folder, "chat.mjs"));
rmSync(folder, { recursive: true });

// Events are the same however they are cut; one without its empty line is none.
const stream = 'data: {"a":"é你"}\r\n\r\n: a comment\nevent: x\ndata:one\ndata: two\n\ndata\r\rdata: [DONE]\n\ndata: lost';
const bytes = new TextEncoder().encode(stream);
for (let size = 1; size <= bytes.length; size++) {
  const events = new Events();
  const found = [];
  for (let at = 0; at < bytes.length; at += size) found.push(...events.take(bytes.slice(at, at + size)));
  found.push(...events.end());
  assert.deepEqual(found, ['{"a":"é你"}', "one\ntwo", "", "[DONE]"], `pieces of ${size}`);
}

// What chunks add up to.
const delta = (delta) => ({ choices: [{ index: 0, delta }] });
const piece = (index, more) => delta({ tool_calls: [{ index, ...more }] });
const call = (id, name, text) => ({ id, type: "function", function: { name, arguments: text } });
for (const [chunks, expect] of [
  [[delta({ content: "a" }), delta({ content: "b" })], { content: "ab" }],
  [[delta({ reasoning_content: "t" }), delta({ reasoning: "u" })], { reasoning: "tu" }],
  [[delta({ content: [{ type: "text", text: "x" }] })], { content: "x" }],
  [[delta({ refusal: "no" })], { refusal: "no" }],
  [[delta({ audio: { transcript: "hi", data: "AAAA" } })], { audio: { transcript: "hi", bytes: 3 } }],
  [[delta({ annotations: [{ url_citation: { url: "https://a.example", title: "A" } }, {}] })], { sources: [{ title: "A", url: "https://a.example" }] }],
  [[delta({ function_call: { name: "f", arguments: "{" } }), delta({ function_call: { arguments: "}" } })], { calls: [{ id: "", type: "function_call", name: "f", arguments: "{}" }] }],
  [
    [
      piece(0, call("c1", "f", "")),
      piece(1, call("c2", "g", "{}")),
      piece(0, { function: { arguments: '{"a":' } }),
      piece(0, { function: { arguments: "1}" } }),
    ],
    { calls: [{ id: "c1", type: "function", name: "f", arguments: '{"a":1}' }, { id: "c2", type: "function", name: "g", arguments: "{}" }] },
  ],
  [[{ choices: [{ index: 0, delta: {}, finish_reason: "stop" }] }], { finish: "stop" }],
]) {
  const answer = new Answer();
  for (const chunk of chunks) answer.event(JSON.stringify(chunk));
  for (const [name, value] of Object.entries(expect)) assert.deepEqual(answer.choices[0][name], value, JSON.stringify(chunks));
}

// Whether an event said something of the answer: the first one that does is the first token.
for (const [chunk, said] of [
  [delta({ role: "assistant", content: "" }), false],
  [delta({ content: "a" }), true],
  [delta({ reasoning_content: "t" }), true],
  [piece(0, call("c", "f", "")), true],
  [{ choices: [], usage: {} }, false],
]) {
  assert.equal(new Answer().event(JSON.stringify(chunk)), said, JSON.stringify(chunk));
}

// Ends, faults, and what no upstream should send.
for (const [events, done, fault] of [
  [["[DONE]"], true, null],
  [['{"error":{"message":"m","code":"c"}}'], false, { message: "m", code: "c" }],
  [['{"error":"m"}'], false, { message: "m" }],
  [["not JSON"], false, { message: "not JSON" }],
  [['{"choices":[{"index":1e9,"delta":null},null,{"delta":{"tool_calls":[null,1]}}]}', "null", "7", "[]"], false, null],
]) {
  const answer = new Answer();
  for (const event of events) answer.event(event);
  assert.equal(answer.done, done, String(events));
  assert.deepEqual(answer.fault, fault, String(events));
  assert.ok(answer.choices.length <= 1);
}

// An answer becomes a part of the next request.
const whole = new Answer();
whole.whole({ choices: [{ message: { content: null, tool_calls: [call("c1", "f", "{}")] } }], usage: { total_tokens: 3 } });
assert.deepEqual(messageOf(whole.choices[0]), { role: "assistant", content: null, tool_calls: [call("c1", "f", "{}")] });
assert.deepEqual([whole.done, whole.usage], [true, { total_tokens: 3 }]);
whole.whole({ error: { message: "m" } });
assert.equal(whole.done, false);

for (const [param, field, message] of [
  ["temperature", "temperature", null],
  ["messages[2].content[0].type", "messages", 2],
  ["messages", "messages", null],
  ["tools[0].function", "tools", null],
  ["response_format.json_schema", "response_format", null],
  [null, "", null],
]) {
  assert.deepEqual(placeOf(param), { field, message }, String(param));
}

const picture = `data:image/png;base64,${"A".repeat(1000)}`;
const short = shortened({ a: [{ url: picture }], b: "data:short", c: null, d: 1 }, "{0} characters");
assert.equal(short.a[0].url, `${picture.slice(0, 48)}…(1022 characters)`);
assert.deepEqual([short.b, short.c, short.d], ["data:short", null, 1]);
console.log("all checks held");
