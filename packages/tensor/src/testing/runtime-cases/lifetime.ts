import { tensor } from '../../index.js';
import { doubleModel } from '../models.js';
import type { RuntimeSuite } from '../runtime-suite.js';
import { failure } from '../test-api.js';

const X = tensor('float32', [1], Float32Array.of(4));
const Y = tensor('float32', [1], Float32Array.of(8));

export function lifetimeCases({ test, expect, runtime, factory }: RuntimeSuite): void {
  test('dispose of a session may be called twice, and a later run is refused', async () => {
    const session = await runtime().load({ bytes: doubleModel('float32', [1]) });
    await session.dispose();
    await session.dispose();
    await failure(session.run({ x: X }), 'invalid-argument', 'runtime');
  });

  test('dispose of a session lets a run that was called before come to its end', async () => {
    const session = await runtime().load({ bytes: doubleModel('float32', [1]) });
    const running = session.run({ x: X });
    await session.dispose();
    expect((await running).y).toEqual(Y);
  });

  test('dispose of one session leaves others alone', async () => {
    const [first, second] = await Promise.all([
      runtime().load({ bytes: doubleModel('float32', [1]) }),
      runtime().load({ bytes: doubleModel('float32', [1]) }),
    ]);
    await first.dispose();
    expect((await second.run({ x: X })).y).toEqual(Y);
    await second.dispose();
  });

  test('dispose of a runtime may be called twice, and ends its sessions but no other runtime', async () => {
    const other = await factory();
    const session = await other.load({ bytes: doubleModel('float32', [1]) });
    await other.dispose();
    await other.dispose();
    await failure(session.run({ x: X }), 'runtime', 'invalid-argument');
    await failure(other.load({ bytes: doubleModel('float32', [1]) }), 'runtime', 'invalid-argument');
    await session.dispose();
    const mine = await runtime().load({ bytes: doubleModel('float32', [1]) });
    expect((await mine.run({ x: X })).y).toEqual(Y);
    await mine.dispose();
  });
}
