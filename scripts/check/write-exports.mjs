// @ts-check
// Writes the names that the packages export to scripts/check/exports.json.
import { writeFileSync } from 'node:fs';
import { root } from '../workspace/paths.mjs';
import { EXPORTS_FILE, exportedNames } from './public-exports.mjs';

writeFileSync(EXPORTS_FILE, `${JSON.stringify(exportedNames(root), null, 2)}\n`);
