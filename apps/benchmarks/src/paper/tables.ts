import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { ablationFile, ablationModels } from '../ablation/models/index.js';
import { type AblationResults, ablationSchema } from '../ablation/results.js';
import { RESULTS } from '../paths.js';

/** The ablation's tables that are committed, by the model's name, in the order of the models. */
export async function readTables(folder: string = RESULTS): Promise<Map<string, AblationResults>> {
  const tables = new Map<string, AblationResults>();
  for (const model of ablationModels) {
    const file = path.join(folder, `${ablationFile(model.name)}.json`);
    if (!existsSync(file)) continue;
    const table = ablationSchema.parse(JSON.parse(await readFile(file, 'utf8')));
    if (table.model !== `models/${model.name}`) throw new Error(`${file} is of ${table.model}`);
    tables.set(model.name, table);
  }
  return tables;
}
