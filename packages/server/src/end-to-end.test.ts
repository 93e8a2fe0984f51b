import { fileURLToPath } from 'node:url';
import { withControlNet } from '@cachequant/pipeline';
import { createNodeRuntime, nodeStorage } from '@cachequant/runtime-node';
import OpenAI from 'openai';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { startServer } from './__fixtures__/start-server.js';
import { serveModel } from './models/open-model.js';

const folder = fileURLToPath(new URL('../../../models/fashion-sd', import.meta.url));
const openRuntime = () => createNodeRuntime({ threads: 1 });

test('serveModel refuses a model with a ControlNet, for which requests have no image', async () => {
  const inModels = (name: string) =>
    nodeStorage(fileURLToPath(new URL(`../../../models/${name}`, import.meta.url)));
  const storage = await withControlNet(inModels('tiny/sd'), inModels('tiny/controlnet'));
  await expect(serveModel({ id: 'canny', storage, openRuntime })).rejects.toMatchObject({
    code: 'unsupported',
    where: 'model canny',
  });
});

describe('models/fashion-sd behind the server', () => {
  test('is drawn by OpenAI’s client: the same picture for the same seed, in whole and in a stream', async () => {
    const model = await serveModel({ id: 'fashion-sd', storage: nodeStorage(folder), openRuntime });
    const { url } = await startServer({ models: [model], warmUpSteps: 2 });
    const openai = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'unused', maxRetries: 0 });
    const fields = {
      prompt: 'a photo of a red sneaker',
      ...{ seed: 7, num_inference_steps: 4, guidance_scale: 4 },
    };
    const { data, size } = await openai.images.generate(fields);
    expect(size).toBe('32x32');
    const picture = Buffer.from(data![0]!.b64_json!, 'base64');
    const { channels } = await sharp(picture).stats();
    expect(Math.max(...channels.map(({ stdev }) => stdev))).toBeGreaterThan(5);

    const events = [];
    for await (const event of await openai.images.generate({ ...fields, stream: true, partial_images: 1 })) {
      events.push(event);
    }
    expect(events.map(({ type }) => type)).toEqual([
      'image_generation.partial_image',
      'image_generation.completed',
    ]);
    expect(Buffer.from(events[1]!.b64_json, 'base64').equals(picture)).toBe(true);
    expect(Buffer.from(events[0]!.b64_json, 'base64').equals(picture)).toBe(false);

    const other = await openai.images.generate({ ...fields, ...{ seed: 8 } });
    expect(Buffer.from(other.data![0]!.b64_json!, 'base64').equals(picture)).toBe(false);
  });

  test('refuses what the model cannot make, naming the field', async () => {
    const model = await serveModel({ id: 'fashion-sd', storage: nodeStorage(folder), openRuntime });
    const { url } = await startServer({ models: [model], warmUpSteps: 1 });
    const openai = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'unused', maxRetries: 0 });
    const failed = openai.images.generate({ prompt: 'x', size: '33x32' as '256x256' });
    await expect(failed).rejects.toMatchObject({ status: 400, param: 'size', code: 'invalid_value' });
  });
});
