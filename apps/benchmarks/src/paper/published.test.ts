import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import { ablationModels } from '../ablation/models/index.js';
import { MODELS } from '../paths.js';
import { STAND_INS } from './families.js';
import { readPublished } from './published.js';

it('readPublished() has a family for every kind of model that stands in, and every model of the ablation stands in for one', async () => {
  const { families } = await readPublished();
  expect(families.map(({ id }) => id)).toEqual(Object.keys(STAND_INS));
  const names = Object.values(STAND_INS).flatMap((models) => models.map(({ name }) => name));
  expect(names.sort()).toEqual(ablationModels.map(({ name }) => name).sort());
});

it('readPublished() has no two rows for one place of the comparison', async () => {
  for (const { rows } of (await readPublished()).families) {
    const places = rows.filter(({ role }) => role).map(({ role, interval }) => `${role} ${interval}`);
    expect(places).toEqual([...new Set(places)]);
  }
});

it.each(Object.values(STAND_INS).flat())(
  '$name has as many parameters as its card says',
  async ({ name, parameters }) => {
    const card = await readFile(path.join(MODELS, name, 'README.md'), 'utf8');
    expect(card).toContain(parameters.toLocaleString('en'));
  },
);
