import { ablationModel } from '../ablation/models/index.js';
import { STAND_INS } from './families.js';
import { readFloors } from './floors.js';
import { readPublished } from './published.js';
import { renderFamily } from './side-by-side.js';
import { readTables } from './tables.js';
import { renderSides, renderWinners } from './winners-lines.js';

/** The paper's rows of a kind of model beside ours, as Markdown. */
export async function paperFamily(id: string): Promise<string> {
  const { families } = await readPublished();
  const family = families.find((each) => each.id === id);
  if (!family) throw new Error(`no family ${id}; there are ${families.map((each) => each.id).join(', ')}`);
  const tables = await readTables();
  const models = STAND_INS[family.id].map(async (model) => ({
    ...model,
    table: tables.get(model.name),
    floors: await readFloors(ablationModel(model.name).evaluator.name),
  }));
  return renderFamily(family, await Promise.all(models)).join('\n');
}

/** Who wins at which speed, a line for each model that has a table. */
export async function winners(): Promise<string> {
  return renderWinners(await readTables()).join('\n');
}

/** The best of each side at each speed, a table for each model that has one. */
export async function winnersBySide(): Promise<string> {
  const parts = [...(await readTables())].map(
    ([name, results]) => `**${name}**\n\n${renderSides(results).join('\n')}`,
  );
  return parts.join('\n\n');
}
