import { describe, expect, test } from 'vitest';
import { fakeModel } from '../__fixtures__/fake-model.js';
import { ModelShelf, type ShelfChange, type ShelfOptions } from './model-shelf.js';

/** Three models of 1,000 bytes, and what happened to them. */
function shelfOf(options: ShelfOptions = {}) {
  const models = ['a', 'b', 'c'].map((id) => fakeModel(id));
  const changes: string[] = [];
  const onChange = ({ model, what }: ShelfChange) => void changes.push(`${model} ${what}`);
  const shelf = new ModelShelf(models, { residentBytes: () => 0, onChange, ...options });
  return { shelf, models, changes, touch: (id: string) => shelf.use(id, async () => {}) };
}

describe('ModelShelf', () => {
  test('loads a model when it is first used, and once', async () => {
    const { shelf, models, touch } = shelfOf();
    expect(shelf.loaded).toEqual([]);
    await Promise.all([touch('b'), touch('b'), touch('b')]);
    expect(models.map(({ opened }) => opened())).toEqual([0, 1, 0]);
  });

  test('lets the model leave that was not used for longest', async () => {
    const { shelf, models, changes, touch } = shelfOf({ memoryBytes: 2500 });
    for (const id of ['a', 'b', 'a', 'c']) await touch(id);
    expect(shelf.loaded).toEqual(['a', 'c']);
    expect(shelf.heldBytes).toBe(2000);
    expect(changes).toEqual(['a loaded', 'b loaded', 'b left', 'c loaded']);
    expect(models.map(({ disposed }) => disposed())).toEqual([0, 1, 0]);
  });

  test('makes room before it loads', async () => {
    const { changes, touch } = shelfOf({ memoryBytes: 1500 });
    await touch('a');
    await touch('b');
    expect(changes).toEqual(['a loaded', 'a left', 'b loaded']);
  });

  test('counts what memory grew by, when that is more than the files', async () => {
    let resident = 0;
    const { shelf, touch } = shelfOf({
      memoryBytes: 3500,
      residentBytes: () => {
        resident += 1000;
        return resident * (resident > 2000 ? 2 : 1);
      },
    });
    await touch('a');
    expect(shelf.heldBytes).toBe(1000);
    await touch('b');
    expect(shelf.heldBytes).toBe(3000);
    await touch('c');
    expect(shelf.loaded).toEqual(['c']);
  });

  test('keeps a model that is in use, whatever it takes', async () => {
    const { shelf, models, touch } = shelfOf({ memoryBytes: 1500 });
    await shelf.use('a', async () => {
      await touch('b');
      expect(models[0]!.disposed()).toBe(0);
    });
    expect(shelf.heldBytes).toBeLessThanOrEqual(1500);
    expect(shelf.loaded).toHaveLength(1);
  });

  test('keeps a single model that turns out larger than the bound', async () => {
    const values = [0, 9000];
    const { shelf, touch } = shelfOf({ memoryBytes: 2000, residentBytes: () => values.shift() ?? 0 });
    await touch('a');
    await touch('a');
    expect(shelf.loaded).toEqual(['a']);
  });

  test('loads a model again after one that failed to', async () => {
    let fails = true;
    const model = fakeModel('a', {
      open: () => {
        if (fails) throw new Error('no such file /srv/secret');
      },
    });
    const shelf = new ModelShelf([model]);
    const failed = shelf.use('a', async () => {});
    await expect(failed).rejects.toMatchObject({ status: 503, code: 'model_not_loaded' });
    await expect(failed).rejects.not.toThrow('secret');
    fails = false;
    expect(await shelf.use('a', async () => 'used')).toBe('used');
  });

  test('loads a dropped model again', async () => {
    const { shelf, models, touch } = shelfOf();
    await touch('a');
    await shelf.drop('a');
    await touch('a');
    expect([models[0]!.opened(), models[0]!.disposed()]).toEqual([2, 1]);
  });

  test('frees everything at the end', async () => {
    const { shelf, models, touch } = shelfOf();
    await touch('a');
    await touch('b');
    await shelf.dispose();
    expect(models.map(({ disposed }) => disposed())).toEqual([1, 1, 0]);
  });

  test('refuses a name that there is none of', async () => {
    await expect(shelfOf().touch('d')).rejects.toMatchObject({ status: 404, code: 'model_not_found' });
  });

  test.each([
    ['no models', [], undefined, 'there is no model to serve'],
    ['two of one name', [fakeModel('a'), fakeModel('a')], undefined, 'two models have the same name'],
    ['one beyond the bound', [fakeModel('a', { bytes: 100 })], 99, 'does not fit'],
  ])('refuses %s', (_, models, memoryBytes, message) => {
    expect(() => new ModelShelf(models, { memoryBytes })).toThrow(message);
  });
});
