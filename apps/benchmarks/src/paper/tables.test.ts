import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tableOf } from '../__fixtures__/small-table.js';
import { readTables } from './tables.js';

describe('readTables(folder)', () => {
  let folder: string;
  const write = (name: string, model: string) =>
    writeFile(path.join(folder, name), JSON.stringify(tableOf([], { model })));

  beforeAll(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'cachequant-tables-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('finds the tables that there are, by the model', async () => {
    await write('ablation.json', 'models/fashion-sd');
    await write('ablation-fashion-dit.json', 'models/fashion-dit');
    await write('ablation-part.json', 'models/fashion-sd');
    expect([...(await readTables(folder)).keys()]).toEqual(['fashion-sd', 'fashion-dit']);
  });

  it('refuses a table of another model', async () => {
    await write('ablation-fashion-ldm.json', 'models/fashion-dit');
    await expect(readTables(folder)).rejects.toThrow('is of models/fashion-dit');
  });
});
