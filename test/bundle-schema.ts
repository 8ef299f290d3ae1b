import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { Ajv } from 'ajv';
import { parse } from 'yaml';

// Checks the Databricks bundle against its published schema (`databricks bundle schema`), which SLUICE_BUNDLE_SCHEMA
// names: it belongs to its publisher and is not part of this repository. Each file is checked by itself, as the bundle
// is put together from them. A key that is misspelt on purpose has to be found, or the check is worth nothing.

const folder = path.join(import.meta.dirname, '../deploy/databricks');
const schemaFile = process.env['SLUICE_BUNDLE_SCHEMA'];
if (schemaFile === undefined || !existsSync(schemaFile)) {
  console.log('skipped: bundle schema (SLUICE_BUNDLE_SCHEMA names no file; `databricks bundle schema` writes one)');
  process.exit(0);
}
const validate = new Ajv({ strict: false, allErrors: true, validateFormats: false }).compile(
  JSON.parse(readFileSync(schemaFile, 'utf8')) as object,
);
const files = ['databricks.yml', ...readdirSync(path.join(folder, 'resources')).map((name) => `resources/${name}`)];
let wrong = 0;
for (const file of files) {
  const text = readFileSync(path.join(folder, file), 'utf8');
  if (!validate(parse(text))) {
    wrong += 1;
    for (const error of validate.errors ?? []) console.error(`${file}${error.instancePath}: ${error.message}`);
  }
  const misspelt = text.replace(/^(\s+)(mode|max_concurrent_runs|name):/m, '$1$2_typo:');
  if (validate(parse(misspelt))) {
    wrong += 1;
    console.error(`${file}: a misspelt key is not found`);
  }
}
console.log(`${files.length} files of the bundle, ${wrong} wrong by the published schema`);
process.exit(wrong === 0 ? 0 : 1);
