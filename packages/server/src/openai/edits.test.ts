import { fileURLToPath } from 'node:url';
import { createNodeRuntime, nodeStorage } from '@cachequant/runtime-node';
import OpenAI, { toFile } from 'openai';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { type FakeModelOptions, fakeModel } from '../__fixtures__/fake-model.js';
import { startServer } from '../__fixtures__/start-server.js';
import { serveModel } from '../models/open-model.js';
import type { PictureServerOptions } from '../server.js';

/** OpenAI's own client, in front of a server with a fake model. */
async function client(model: FakeModelOptions = {}, options: Partial<PictureServerOptions> = {}) {
  const fashion = fakeModel('fashion', model);
  const started = await startServer({ models: [fashion], ...options });
  const openai = new OpenAI({ baseURL: `${started.url}/v1`, apiKey: 'unused', maxRetries: 0 });
  return { openai, fashion, ...started };
}

/** A file of one colour, or of the colours of a function. */
async function file(
  name: string,
  colour: readonly number[],
  [width, height] = [32, 24] as readonly [number, number],
) {
  const pixels = Uint8Array.from(
    { length: width * height * colour.length },
    (_, i) => colour[i % colour.length]!,
  );
  const raw = { width, height, channels: colour.length as 1 | 3 | 4 };
  const format = name.endsWith('.jpg') ? 'jpeg' : 'png';
  const bytes = await sharp(pixels, { raw }).toFormat(format).toBuffer();
  return toFile(bytes, name, { type: `image/${format}` });
}

const RED = [200, 0, 0];

describe('openai.images.edit', () => {
  test('hands the picture on at the size that is asked for, with every field', async () => {
    const { openai, fashion } = await client();
    const answer = await openai.images.edit({
      image: await file('red.png', RED, [64, 40]),
      prompt: 'a green shoe',
      size: '32x24' as '256x256',
      n: 2,
      ...{ seed: 7, num_inference_steps: 3, guidance_scale: 2.5, negative_prompt: 'blue', strength: 0.4 },
    });
    expect(answer).toMatchObject({ size: '32x24', output_format: 'png', data: [{ seed: 7 }, { seed: 8 }] });
    const [{ image, mask, onStep, signal, ...fields }] = fashion.requests as [(typeof fashion.requests)[0]];
    expect(fields).toEqual({
      prompt: 'a green shoe',
      negativePrompt: 'blue',
      seed: 7,
      steps: 3,
      guidanceScale: 2.5,
      strength: 0.4,
      width: 32,
      height: 24,
    });
    expect([image!.width, image!.height, ...image!.rgb.subarray(0, 3)]).toEqual([32, 24, ...RED]);
    expect(mask).toBeUndefined();
  });

  test.each([
    ['a mask that may be seen through', RED, [0, 0, 0, 0], 255],
    ['a mask that may not be seen through', RED, [255, 255, 255, 255], 0],
    ['a mask without transparency that is white', RED, [255], 255],
    ['a mask without transparency that is black', RED, [0, 0, 0], 0],
    ['the picture’s own transparency', [...RED, 0], undefined, 255],
  ] as const)('paints by %s', async (_, picture, colours, white) => {
    const { openai, fashion } = await client();
    const image = await file('picture.png', picture);
    await openai.images.edit({
      image,
      prompt: 'x',
      ...(colours && { mask: await file('mask.png', colours) }),
    });
    const { mask } = fashion.requests[0]!;
    expect([mask!.width, mask!.height, mask!.rgb[0], mask!.rgb.at(-1)]).toEqual([32, 24, white, white]);
  });

  test('answers as a stream with the events of edits', async () => {
    const { openai } = await client();
    const fields = { image: await file('red.jpg', RED), prompt: 'x', partial_images: 1 };
    const events = [];
    for await (const event of await openai.images.edit({ ...fields, stream: true })) events.push(event.type);
    expect(events).toEqual(['image_edit.partial_image', 'image_edit.completed']);
  });

  test('refuses what is no picture, too many of them, and fields that cannot be', async () => {
    const { openai, fashion } = await client({}, { limits: { uploadPixels: 2000 } });
    const image = await file('red.png', RED);
    const text = await toFile(
      Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'),
      'a.png',
    );
    for (const [fields, param, code] of [
      [{ image: await toFile(Buffer.alloc(30_000), 'zeros.png') }, 'image', 'invalid_image'],
      [{ image: text }, 'image', 'invalid_image'],
      [{ image: await file('large.png', RED, [64, 40]) }, 'image', 'invalid_image'],
      [{ image, mask: text }, 'mask', 'invalid_image'],
      [{ image: [image, image] }, 'image', 'invalid_value'],
      [{ image, n: 'many' as never }, 'n', 'invalid_value'],
      [{ image, strength: 2 } as never, 'strength', 'invalid_value'],
      [{ image, nonsense: 'x' } as never, 'nonsense', 'unknown_parameter'],
    ] as const) {
      const failed = openai.images.edit({ prompt: 'x', image, ...(fields as object) });
      await expect(failed).rejects.toMatchObject({ status: 400, param, code, type: 'invalid_request_error' });
    }
    expect(fashion.requests).toEqual([]);
  });

  test('refuses bodies that are too large, that are no forms, and forms elsewhere', async () => {
    const { openai, url } = await client({}, { limits: { uploadBytes: 20_000 } });
    const image = await toFile(Buffer.alloc(30_000), 'a.png');
    await expect(openai.images.edit({ image, prompt: 'x' })).rejects.toMatchObject({
      status: 413,
      code: 'body_too_large',
    });
    const post = (path: string, body: string, type: string) =>
      fetch(`${url}${path}`, { method: 'POST', body, headers: { 'content-type': type } });
    const form = 'multipart/form-data; boundary=x';
    for (const body of ['', 'no form', '--x\r\ncontent-disposition: form-data; name="image"']) {
      const answer = await post('/v1/images/edits', body, form);
      expect([answer.status, await answer.json()]).toMatchObject([400, { error: { code: 'invalid_body' } }]);
    }
    expect((await post('/v1/images/edits', '{"prompt": "x"}', 'application/json')).status).toBe(400);
    expect((await post('/v1/images/generations', '--x--', form)).status).toBe(415);
  });
});

describe('a model behind the server', () => {
  const openRuntime = () => createNodeRuntime({ threads: 1 });
  const serve = async (name: string) => {
    const storage = nodeStorage(fileURLToPath(new URL(`../../../../models/${name}`, import.meta.url)));
    const model = await serveModel({ id: name.replace('/', '-'), storage, openRuntime });
    const { url } = await startServer({ models: [model], warmUpSteps: 1 });
    return new OpenAI({ baseURL: `${url}/v1`, apiKey: 'unused', maxRetries: 0 });
  };
  const settings = { seed: 3, num_inference_steps: 4, guidance_scale: 1 };

  test('changes a picture by OpenAI’s client, the same for the same seed, and leaves what the mask leaves', async () => {
    const openai = await serve('tiny/sd');
    const image = await file('red.png', RED, [48, 33]);
    const edit = async (fields: object) => {
      const { data, size } = await openai.images.edit({ image, prompt: 'a fox', ...settings, ...fields });
      expect(size).toBe('48x32');
      return Buffer.from(data![0]!.b64_json!, 'base64');
    };
    const [weak, again, strong] = [
      await edit({ strength: 0.25 }),
      await edit({ strength: 0.25 }),
      await edit({ strength: 1 }),
    ];
    expect([weak.equals(again), weak.equals(strong)]).toEqual([true, false]);
    const kept = await edit({ mask: await file('mask.png', [0], [48, 33]) });
    const other = await edit({ mask: await file('mask.png', [0], [48, 33]), prompt: 'a red shoe' });
    expect(kept.equals(other)).toBe(true);
  });

  test('says so when it has nothing that makes latents of pictures', async () => {
    const openai = await serve('fashion-sd');
    const failed = openai.images.edit({
      image: await file('red.png', RED, [32, 32]),
      prompt: 'x',
      ...settings,
    });
    await expect(failed).rejects.toMatchObject({ status: 400, code: 'unsupported' });
    await expect(failed).rejects.toThrow(/nothing that makes latents of pictures/);
  });
});
