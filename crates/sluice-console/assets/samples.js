// @ts-check
// The same call of `/v1/chat/completions` in other words: for a shell, for Python, for Node. The key is never in them:
// they read it from the environment.

/** Where the samples take the key from. */
const VARIABLE = "SLUICEGATE_API_KEY";

/** Fields that OpenAI's package for Python knows by name; others go into `extra_body`. */
const KNOWN = new Set(
  (
    "messages model audio frequency_penalty function_call functions logit_bias logprobs max_completion_tokens max_tokens " +
    "metadata modalities n parallel_tool_calls prediction presence_penalty prompt_cache_key prompt_cache_retention " +
    "reasoning_effort response_format safety_identifier seed service_tier stop store stream stream_options temperature " +
    "tool_choice tools top_logprobs top_p user verbosity web_search_options"
  ).split(" "),
);

/**
 * @param {string} base such as `http://127.0.0.1:8080/v1`
 * @param {Record<string, any>} request
 * @returns {{curl: string, python: string, node: string}}
 */
export function samples(base, request) {
  return { curl: curl(base, request), python: python(base, request), node: node(base, request) };
}

/** @param {string} text @returns {string} one word of a shell */
function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** @param {string} base @param {Record<string, any>} request @returns {string} */
function curl(base, request) {
  const lines = [
    `curl ${request.stream ? "-N " : ""}${quoted(`${base}/chat/completions`)}`,
    `-H "Authorization: Bearer $${VARIABLE}"`,
    "-H 'Content-Type: application/json'",
    `-d ${quoted(JSON.stringify(request, null, 2))}`,
  ];
  return lines.join(" \\\n  ");
}

/**
 * A value of JSON as Python writes it.
 * @param {any} value
 * @param {string} indent
 * @returns {string}
 */
function literal(value, indent = "") {
  if (value === null) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  if (typeof value !== "object") return JSON.stringify(value);
  const inner = `${indent}    `;
  if (Array.isArray(value)) {
    if (value.length === 0) return "[]";
    return `[\n${value.map((item) => `${inner}${literal(item, inner)},\n`).join("")}${indent}]`;
  }
  const rows = Object.entries(value);
  if (rows.length === 0) return "{}";
  return `{\n${rows.map(([key, item]) => `${inner}${JSON.stringify(key)}: ${literal(item, inner)},\n`).join("")}${indent}}`;
}

/** @param {string} base @param {Record<string, any>} request @returns {string} */
function python(base, request) {
  const rows = Object.entries(request);
  const named = rows.filter(([key]) => KNOWN.has(key));
  const others = rows.filter(([key]) => !KNOWN.has(key));
  if (others.length > 0) named.push(["extra_body", Object.fromEntries(others)]);
  const call = [
    "client.chat.completions.create(",
    ...named.map(([key, value]) => `    ${key}=${literal(value, "    ")},`),
    ")",
  ].join("\n");
  const head = `import os

from openai import OpenAI

client = OpenAI(
    base_url=${JSON.stringify(base)},
    api_key=os.environ["${VARIABLE}"],
)
`;
  if (!request.stream) return `${head}\ncompletion = ${call}\nprint(completion.choices[0].message.content)\n`;
  return `${head}
stream = ${call}
for chunk in stream:
    if chunk.choices and chunk.choices[0].delta.content:
        print(chunk.choices[0].delta.content, end="", flush=True)
print()
`;
}

/** @param {string} base @param {Record<string, any>} request @returns {string} */
function node(base, request) {
  const body = JSON.stringify(request, null, 2).replace(/^( *)"([A-Za-z_]\w*)":/gm, "$1$2:");
  const head = `import OpenAI from "openai";

const client = new OpenAI({
  baseURL: ${JSON.stringify(base)},
  apiKey: process.env.${VARIABLE},
});
`;
  if (!request.stream) {
    return `${head}
const completion = await client.chat.completions.create(${body});
console.log(completion.choices[0].message.content);
`;
  }
  return `${head}
const stream = await client.chat.completions.create(${body});
for await (const chunk of stream) {
  process.stdout.write(chunk.choices[0]?.delta?.content ?? "");
}
`;
}
