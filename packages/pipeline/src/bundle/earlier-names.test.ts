import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { earlierNames } from './earlier-names.js';

const schema = z.preprocess(
  earlierNames({ refreshSteps: 'refreshCalls' }),
  z.object({ kind: z.string(), refreshCalls: z.array(z.int()) }),
);

describe('earlierNames(names)', () => {
  it.each(['refreshSteps', 'refreshCalls'])('reads the field as %s', (name) => {
    expect(schema.parse({ kind: 'dp', [name]: [0, 3] })).toEqual({ kind: 'dp', refreshCalls: [0, 3] });
  });

  it.each([null, [], 3, { kind: 'dp' }])('leaves it to the schema to refuse %j', (value) => {
    expect(schema.safeParse(value).success).toBe(false);
  });

  it('takes names of Object.prototype for names like others', () => {
    const read = earlierNames({ refreshSteps: 'refreshCalls' });
    expect(read({ constructor: 1, toString: 2 })).toEqual({ constructor: 1, toString: 2 });
  });
});
