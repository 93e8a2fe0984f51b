import { readText } from '@cachequant/tensor';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type OptimizedModel, optimizedModel, SMALL_RUN } from './__fixtures__/optimized-model.js';
import { type DecisionRecord, parseDecisionRecord } from './decision-record.js';

let made: OptimizedModel;
let text: string;
let plan: DecisionRecord;
beforeAll(async () => {
  made = await optimizedModel({ ...SMALL_RUN, components: 'keep' }, { name: 'tiny/sd' });
  text = await readText(made.out, 'plan.json');
  plan = parseDecisionRecord(text);
}, 900_000);
afterAll(() => made.dispose());

describe('parseDecisionRecord', () => {
  it('gives what was written', () => {
    expect(JSON.parse(JSON.stringify(plan))).toMatchObject(JSON.parse(JSON.stringify({ ...plan })));
    expect(plan.layers.some(({ compute }) => compute === 'integer')).toBe(true);
  });

  it.each([
    ['no JSON', '{', /is not JSON/],
    ['null', 'null', /another format/],
    ['a newer format', '{"formatVersion": 2}', /expected format 1, got format 2/],
    ['a plan without its layers', '{"formatVersion": 1}', /damaged/],
  ])('refuses %s', (_, broken, message) => {
    expect(() => parseDecisionRecord(broken, 'some/plan.json')).toThrow(message);
    expect(() => parseDecisionRecord(broken, 'some/plan.json')).toThrow('some/plan.json');
  });

  it('refuses decisions that there are not', () => {
    const changed = text.replace('"compute": "integer"', '"compute": "analog"');
    expect(() => parseDecisionRecord(changed)).toThrow(/layers\.\d+\.compute/);
  });

  it('refuses a plan that has chosen no schedule', () => {
    const changed = text.replaceAll('"chosen": true', '"chosen": false');
    expect(() => parseDecisionRecord(changed)).toThrow('one schedule is the chosen one');
  });
});
