import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { RESULTS } from './paths.js';
import { type BenchResults, resultsSchema } from './results.js';

/** What `npm run bench` has written under a name. */
export async function readResults(name: string): Promise<BenchResults> {
  return resultsSchema.parse(JSON.parse(await readFile(path.join(RESULTS, `${name}.json`), 'utf8')));
}
