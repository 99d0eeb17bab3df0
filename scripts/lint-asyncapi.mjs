// Checks docs/asyncapi.yaml with AsyncAPI's own parser: what it says is an error or a warning stops here. The values'
// schemas are of a later draft than the parser knows, so tests/it/wire/contract/ checks those.
import { createRequire } from "node:module";
import { resolve } from "node:path";

const require = createRequire(resolve(".tools/asyncapi/package.json"));
const { Parser, fromFile } = require("@asyncapi/parser");

const parser = new Parser();
parser.registerSchemaParser({
  getMimeTypes: () => ["application/schema+json;version=draft-2020-12"],
  validate: () => [],
  parse: (input) => input.data,
});
const file = "docs/asyncapi.yaml";
const { document, diagnostics } = await fromFile(parser, file).parse();
// 0 is an error, 1 a warning.
const found = diagnostics.filter((it) => it.severity <= 1);
for (const it of found) {
  console.error(`${file}:${it.range.start.line + 1}: ${it.code}: ${it.message} (${it.path.join(".")})`);
}
if (found.length > 0 || !document) process.exit(1);
const messages = document.allMessages().all().length;
if (messages === 0) throw new Error(`${file}: expected messages, found none`);
console.log(`${file} is clean: ${document.allChannels().all().length} channels, ${messages} messages`);
