// schema.mjs - validates the lines of bench_schema with JSON.parse and ajv, as a service in Node.js would.
// Prints nanoseconds per line for both and the ratio.  Run by tests/bench/schema.py.
//
//   node tests/bench/schema.mjs SCHEMA LINES
import fs from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(new URL("../clients/package.json", import.meta.url));
const Ajv = require("ajv/dist/2020.js").default;
const [schemaFile, linesFile] = process.argv.slice(2);
const check = new Ajv({ strict: false }).compile(JSON.parse(fs.readFileSync(schemaFile, "utf8")));
const lines = fs.readFileSync(linesFile, "utf8").split("\n").filter((line) => line !== "");

function timed(validate) {
  const begin = process.hrtime.bigint();
  let good = 0;
  for (const line of lines) good += validate(line);
  return { ns: Number(process.hrtime.bigint() - begin) / lines.length, good };
}

function median(values) {
  return values.sort((a, b) => a - b)[values.length >> 1];
}

const parsed = [];
const checked = [];
let good = 0;
for (let round = 0; round < 101; round++) {
  parsed.push(timed((line) => (JSON.parse(line) ? 1 : 0)).ns);
  const both = timed((line) => (check(JSON.parse(line)) ? 1 : 0));
  checked.push(both.ns);
  good = both.good;
}
console.log(JSON.stringify({ lines: lines.length, good, parse_ns: median(parsed), parse_and_check_ns: median(checked) }));
