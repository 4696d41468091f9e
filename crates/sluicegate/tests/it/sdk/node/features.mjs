// Tools in conversations of three turns, the tool runner, structured output by zod.
import OpenAI from "openai";
import { zodFunction, zodResponseFormat } from "openai/helpers/zod";
import { z } from "zod";

const MODEL = "gpt-4o-mini";
const got = {};
const client = new OpenAI({ maxRetries: 0 });
const completions = client.chat.completions;
const user = (content) => ({ role: "user", content });

const Place = z.object({ city: z.string(), country: z.enum(["FR", "DE"]) });
const Weather = z.object({ place: Place, days: z.number().int(), units: z.array(z.enum(["metric", "imperial"])) });
const Clock = z.object({ zone: z.string() });
const tools = [
  zodFunction({ name: "weather", description: "The weather of a place", parameters: Weather }),
  zodFunction({ name: "clock", description: "The time in a zone", parameters: Clock }),
];

const whole = async (request) => (await completions.create({ model: MODEL, ...request })).choices[0];
const helper = async (request) =>
  (await completions.stream({ model: MODEL, ...request }).finalChatCompletion()).choices[0];
const parse = async (request) => (await completions.parse({ model: MODEL, ...request })).choices[0];

for (const [name, ask] of Object.entries({ whole, helper, parse })) {
  const messages = [user("call: weather")];
  let choice = await ask({ messages, tools });
  const [call] = choice.message.tool_calls;
  Weather.parse(JSON.parse(call.function.arguments));
  const first = [choice.finish_reason, choice.message.tool_calls.map((one) => one.function.name)];
  messages.push(choice.message, { role: "tool", tool_call_id: call.id, content: "sunny" });
  choice = await ask({ messages, tools });
  const second = [choice.finish_reason, Boolean(choice.message.content), (choice.message.tool_calls ?? []).length];
  messages.push(choice.message, user("thank you"));
  choice = await ask({ messages, tools });
  got[name] = [first, second, [choice.finish_reason, choice.message.content]];
  choice = await ask({ messages: [user("call: weather, clock")], tools });
  got[`parallel_${name}`] = choice.message.tool_calls.map((one) => one.function.name);
}

// By hand, as programs without the helper do.
const calls = [];
for await (const chunk of await completions.create({
  model: MODEL,
  messages: [user("call: weather, clock")],
  tools,
  stream: true,
})) {
  for (const delta of chunk.choices[0]?.delta.tool_calls ?? []) {
    calls[delta.index] ??= { name: "", arguments: "", ids: 0 };
    calls[delta.index].name += delta.function?.name ?? "";
    calls[delta.index].arguments += delta.function?.arguments ?? "";
    calls[delta.index].ids += delta.id ? 1 : 0;
  }
}
Weather.parse(JSON.parse(calls[0].arguments));
Clock.parse(JSON.parse(calls[1].arguments));
got.by_hand = calls.map((call) => [call.name, call.ids]);

for (const stream of [false, true]) {
  const seen = [];
  const runnable = (name, schema) => ({
    type: "function",
    function: {
      name,
      parse: (text) => schema.parse(JSON.parse(text)),
      parameters: z.toJSONSchema(schema),
      function: (given) => {
        seen.push(name);
        return JSON.stringify(given);
      },
    },
  });
  const runner = completions.runTools({
    model: MODEL,
    stream,
    messages: [user("call: weather, clock")],
    tools: [runnable("weather", Weather), runnable("clock", Clock)],
  });
  const content = await runner.finalContent();
  const roles = runner.messages.map((message) => message.role);
  got[`runner_${stream}`] = [seen.sort(), Boolean(content), roles];
}

const Shape = z.object({
  name: z.string(),
  colour: z.enum(["red", "blue"]),
  sides: z.number().int().min(3).max(8),
  steps: z.array(z.object({ text: z.string(), value: z.union([z.number(), z.string()]) })),
  note: z.string().nullable(),
});
const response_format = zodResponseFormat(Shape, "shape");
let answer = await completions.parse({ model: MODEL, messages: [user("a shape")], response_format });
got.parsed = Shape.safeParse(answer.choices[0].message.parsed).success;
const streamed = completions.stream({ model: MODEL, messages: [user("a shape")], response_format });
const final = await streamed.finalChatCompletion();
got.parsed_stream = Shape.safeParse(final.choices[0].message.parsed).success;
answer = await completions.parse({ model: MODEL, messages: [user("refuse: no")], response_format });
got.refusal = [Boolean(answer.choices[0].message.refusal), answer.choices[0].message.parsed];
for (const [name, more] of [
  ["length", { max_completion_tokens: 1, messages: [user("a shape")] }],
  ["filter", { messages: [user("filter: this")] }],
]) {
  got[name] = await completions.parse({ model: MODEL, response_format, ...more }).then(
    () => "no error",
    (error) => error.constructor.name,
  );
}
console.log(JSON.stringify(got));
