// schema.mjs - judges instances by schemas as others do: ajv, and @hyperjump/json-schema.
// Reads lines {"schema": ..., "others": [...], "instances": [...]}, writes lines {"ajv": [...], "hyperjump": [...]};
// null where one of them does not take the schema.
import readline from "node:readline";
import Ajv2020 from "ajv/dist/2020.js";
import { registerSchema, unregisterSchema, validate } from "@hyperjump/json-schema/draft-2020-12";

const Ajv = Ajv2020.default ?? Ajv2020;

function byAjv(one) {
  try {
    const ajv = new Ajv({ strict: false, validateFormats: false, logger: false });
    for (const other of one.others ?? []) ajv.addSchema(other);
    const check = ajv.compile(one.schema);
    return one.instances.map((instance) => check(instance));
  } catch (error) {
    return null;
  }
}

let count = 0;
async function byHyperjump(one) {
  const uri = `https://example.com/schema-${count++}`;
  const others = one.others ?? [];
  try {
    for (const other of others) registerSchema(other, undefined, "https://json-schema.org/draft/2020-12/schema");
    registerSchema(one.schema, uri, "https://json-schema.org/draft/2020-12/schema");
    const check = await validate(one.schema.$id ?? uri);
    return one.instances.map((instance) => check(instance).valid);
  } catch (error) {
    return null;
  } finally {
    unregisterSchema(one.schema.$id ?? uri);
    for (const other of others) unregisterSchema(other.$id);
  }
}

for await (const line of readline.createInterface({ input: process.stdin })) {
  const one = JSON.parse(line);
  console.log(JSON.stringify({ ajv: byAjv(one), hyperjump: await byHyperjump(one) }));
}
