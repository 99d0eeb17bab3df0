// Checks docs/openapi.yaml with the schema that the OpenAPI Initiative publishes for its version. A reference that
// leads nowhere stops here, too.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const require = createRequire(resolve(".tools/openapi/package.json"));
const { Validator } = await import(pathToFileURL(require.resolve("@seriousme/openapi-schema-validator")));

const file = "docs/openapi.yaml";
const validator = new Validator();
const { valid, errors } = await validator.validate(readFileSync(file, "utf8"));
if (!valid) {
  console.error(`${file}: ${typeof errors === "string" ? errors : JSON.stringify(errors, null, 1)}`);
  process.exit(1);
}
const methods = ["get", "head", "post", "put", "patch", "delete"];
const items = Object.values(validator.resolveRefs().paths);
const operations = items.flatMap((item) => Object.keys(item)).filter((key) => methods.includes(key)).length;
if (operations === 0) throw new Error(`${file}: expected operations, found none`);
console.log(`${file} is clean: OpenAPI ${validator.version}, ${operations} operations`);
