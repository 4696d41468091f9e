import assert from "node:assert/strict";
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

// Outside a package a file is a module by its name.
const folder = mkdtempSync(join(tmpdir(), "values-"));
copyFileSync(join(process.env.ASSETS, "values.js"), join(folder, "values.mjs"));
const { dollars, nanoDollars, nest, toJson, valueOf } = await import(join(folder, "values.mjs"));
rmSync(folder, { recursive: true });

for (const [text, nano] of [
  ["0", 0n],
  ["12.50", 12_500_000_000n],
  ["0.1", 100_000_000n],
  ["$1,234,567.89", 1_234_567_890_000_000n],
  [" 5 ", 5_000_000_000n],
  [".5", 500_000_000n],
  ["1.", 1_000_000_000n],
  ["0.000000001", 1n],
  ["0.0000000010", 1n],
  ["9007199.254740993", 9_007_199_254_740_993n],
  ["9223372036.854775807", 9_223_372_036_854_775_807n],
  ["9223372036.854775808", null],
  ["0.0000000001", null],
  ["", null],
  [".", null],
  ["-1", null],
  ["1e3", null],
  ["12,34", null],
  ["one", null],
]) {
  assert.equal(nanoDollars(text), nano, text);
  if (nano !== null) assert.equal(nanoDollars(dollars(nano)), nano, text);
}
assert.equal(dollars(12_500_000_000n), "12.50");
assert.equal(dollars(1), "0.000000001");
assert.equal(dollars(-1_500_000_000n), "-1.50");

for (const [type, text, value] of [
  ["text", "  a ", "  a "],
  ["text", "   ", null],
  ["integer", "1,000", 1000n],
  ["integer", "-5", -5n],
  ["integer", "1.5", undefined],
  ["number", "0.92", 0.92],
  ["number", "x", undefined],
  ["money", "0.15", 150_000_000n],
  ["money", "x", undefined],
  ["list", "a, b\n c,,", ["a", "b", "c"]],
  ["json", "{\"a\":1}", { a: 1 }],
  ["json", "{", undefined],
  ["moment", "2027-01-01T00:00:00Z", "2027-01-01T00:00:00Z"],
  ["moment", "never", undefined],
  ["lines", "x-org: a:b\nnothing", { "x-org": "a:b" }],
]) {
  assert.deepEqual(valueOf(type, text), value, `${type} ${text}`);
}

const entries = [
  { name: "name", value: "a\"b" },
  { name: "limits.rpm", value: 600n },
  { name: "targets[0].provider", value: "p" },
  { name: "targets[0].model", value: "m" },
  { name: "targets[1].provider", value: "q" },
  { name: "budget", value: null },
];
assert.equal(
  toJson(nest(entries)),
  '{"name":"a\\"b","limits":{"rpm":600},"targets":[{"provider":"p","model":"m"},{"provider":"q"}],"budget":null}',
);
assert.equal(toJson({ a: undefined, b: [undefined, 1n, 2.5, true, null] }), '{"b":[null,1,2.5,true,null]}');
assert.equal(toJson(nest([{ name: "__proto__.polluted", value: true }])), '{"__proto__":{"polluted":true}}');
assert.equal({}.polluted, undefined);
console.log("all checks held");
