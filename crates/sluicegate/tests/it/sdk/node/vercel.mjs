// The Vercel AI SDK with its provider for OpenAI-compatible servers.
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { APICallError, Output, generateObject, generateText, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";

const got = {};
const provider = createOpenAICompatible({
  name: "gateway",
  baseURL: process.env.OPENAI_BASE_URL,
  apiKey: process.env.OPENAI_API_KEY,
  includeUsage: true,
  supportsStructuredOutputs: true,
});
const model = provider("gpt-4o-mini");
const common = { model, maxRetries: 0 };
const user = (content) => ({ role: "user", content });

const plain = await generateText({ ...common, prompt: "one two three" });
got.generate = [plain.text, plain.finishReason, plain.usage.outputTokens];

const stream = streamText({ ...common, prompt: "one two three" });
let text = "";
for await (const piece of stream.textStream) text += piece;
got.stream = [text, await stream.finishReason, (await stream.usage).outputTokens];

const wrong = createOpenAICompatible({ name: "wrong", baseURL: process.env.OPENAI_BASE_URL, apiKey: "sk-wrong" });
got.wrong_key = await generateText({ model: wrong("gpt-4o-mini"), prompt: "hi", maxRetries: 0 }).then(
  () => "no error",
  (error) => [APICallError.isInstance(error), error.statusCode, error.isRetryable, Boolean(error.message)],
);
const limited = { ...common, prompt: "hi", headers: { "x-sandbox-fault": "status=429,retry_after=1" } };
got.limited = await generateText(limited).then(
  () => "no error",
  (error) => [error.statusCode, error.isRetryable, JSON.parse(error.responseBody).error.code],
);
// The error event arrives as a part; that the connection ends without the end of the body is thrown besides.
const seen = { text: "", errors: [], thrown: false };
const cut = streamText({
  ...common,
  prompt: "one two three four",
  headers: { "x-sandbox-fault": "cut_after=2" },
  onError: () => {},
});
try {
  for await (const part of cut.fullStream) {
    if (part.type === "text-delta") seen.text += part.text;
    if (part.type === "error") seen.errors.push(part.error.code ?? part.error.message ?? String(part.error));
  }
} catch {
  seen.thrown = true;
}
got.cut = [seen.text, seen.errors.length, seen.thrown];

if (process.env.PART === "features") {
  const weather = tool({
    description: "The weather of a place",
    inputSchema: z.object({ place: z.object({ city: z.string() }), days: z.number().int() }),
    execute: async ({ place }) => ({ sunny: true, city: place.city }),
  });
  const tools = { weather };
  const names = (steps) => steps.map((step) => step.toolCalls.map((call) => call.toolName));

  const run = await generateText({ ...common, tools, prompt: "call: weather", stopWhen: stepCountIs(5) });
  got.tools = [names(run.steps), run.finishReason, Boolean(run.text)];
  const messages = [user("call: weather"), ...run.response.messages, user("thank you")];
  got.third_turn = (await generateText({ ...common, tools, messages })).text;

  const streamed = streamText({ ...common, tools, prompt: "call: weather", stopWhen: stepCountIs(5) });
  const kinds = new Set();
  for await (const part of streamed.fullStream) kinds.add(part.type);
  got.tools_streamed = [names(await streamed.steps), await streamed.finishReason, Boolean(await streamed.text)];
  got.tool_parts = ["tool-input-start", "tool-input-delta", "tool-call", "tool-result"].every((k) => kinds.has(k));
  const again = [user("call: weather"), ...(await streamed.response).messages, user("thank you")];
  got.third_turn_streamed = await streamText({ ...common, tools, messages: again }).text;

  const forced = await generateText({ ...common, tools, prompt: "hi", toolChoice: "required" });
  got.forced = forced.toolCalls.length;

  const schema = z.object({ name: z.string(), sides: z.number().int().min(3), tags: z.array(z.enum(["a", "b"])) });
  const made = await generateObject({ ...common, schema, prompt: "a shape" });
  got.object = schema.safeParse(made.object).success;
  const output = Output.object({ schema });
  const given = await generateText({ ...common, output, prompt: "a shape" });
  got.output = schema.safeParse(given.output).success;
  const partial = streamText({ ...common, output, prompt: "a shape" });
  let last;
  for await (const one of partial.partialOutputStream) last = one;
  got.output_streamed = schema.safeParse(last).success;

  const thinking = await generateText({
    ...common,
    prompt: "think",
    providerOptions: { gateway: { reasoningEffort: "high" } },
  });
  got.reasoning = [Boolean(thinking.reasoningText), thinking.usage.outputTokenDetails.reasoningTokens > 0];
}
console.log(JSON.stringify(got));
