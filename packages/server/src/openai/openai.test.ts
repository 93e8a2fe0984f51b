import OpenAI, { APIError, BadRequestError, NotFoundError, toFile } from 'openai';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { colourOf, type FakeModelOptions, fakeModel } from '../__fixtures__/fake-model.js';
import { startServer } from '../__fixtures__/start-server.js';
import type { PictureServerOptions } from '../server.js';

/** OpenAI's own client, in front of a server with a fake model. */
async function client(model: FakeModelOptions = {}, options: Partial<PictureServerOptions> = {}) {
  const fashion = fakeModel('fashion', model);
  const started = await startServer({ models: [fashion, fakeModel('other')], ...options });
  const openai = new OpenAI({ baseURL: `${started.url}/v1`, apiKey: 'unused', maxRetries: 0 });
  return { openai, fashion, ...started };
}

/** Fields that OpenAI's types do not have. */
function extended<T extends object>(fields: T): T & Record<never, never> {
  return fields;
}

async function pixelOf(base64: string | null | undefined) {
  const { data, info } = await sharp(Buffer.from(base64!, 'base64'))
    .raw()
    .toBuffer({ resolveWithObject: true });
  return { size: [info.width, info.height], colour: [...data.subarray(0, 3)] };
}

describe('openai.images.generate', () => {
  test('draws a PNG by default', async () => {
    const { openai } = await client();
    const before = Math.floor(Date.now() / 1000);
    const answer = await openai.images.generate({ prompt: 'a red sneaker', ...extended({ seed: 3 }) });
    expect(answer.created).toBeGreaterThanOrEqual(before);
    expect(answer).toMatchObject({ output_format: 'png', size: '16x16', background: 'opaque' });
    const [picture] = answer.data!;
    expect(Buffer.from(picture!.b64_json!, 'base64').subarray(1, 4).toString()).toBe('PNG');
    expect(await pixelOf(picture!.b64_json)).toEqual({ size: [16, 16], colour: colourOf(3) });
  });

  test('passes every field on', async () => {
    const { openai, fashion } = await client();
    const answer = await openai.images.generate({
      prompt: 'a red sneaker',
      model: 'fashion',
      n: 2,
      size: '32x24' as '1024x1024',
      user: 'someone',
      quality: 'high',
      ...extended({ seed: 7, num_inference_steps: 3, guidance_scale: 2.5, negative_prompt: 'blue' }),
    });
    const common = {
      prompt: 'a red sneaker',
      negativePrompt: 'blue',
      steps: 3,
      guidanceScale: 2.5,
      width: 32,
      height: 24,
    };
    expect(fashion.requests.map(({ onStep, signal, ...fields }) => fields)).toEqual([
      { ...common, seed: 7 },
      { ...common, seed: 8 },
    ]);
    expect(answer.size).toBe('32x24');
    expect(answer.data).toMatchObject([{ seed: 7 }, { seed: 8 }]);
  });

  test('leaves to the model what is null, auto or left out', async () => {
    const { openai, fashion } = await client();
    await openai.images.generate({
      prompt: 'x',
      n: null,
      size: 'auto',
      model: null,
      stream: null,
      background: null,
    });
    const [{ onStep, signal, seed, ...fields }] = fashion.requests as [(typeof fashion.requests)[0]];
    expect(fields).toEqual({ prompt: 'x' });
    expect(Number.isInteger(seed)).toBe(true);
  });

  test('takes another seed each time when none is given', async () => {
    const { openai, fashion } = await client();
    for (let i = 0; i < 3; i++) await openai.images.generate({ prompt: 'x' });
    expect(new Set(fashion.requests.map(({ seed }) => seed)).size).toBe(3);
  });

  test.each([
    ['png', 'png'],
    ['jpeg', 'jpeg'],
    ['webp', 'webp'],
  ] as const)('encodes output_format %s', async (format, found) => {
    const { openai } = await client();
    const answer = await openai.images.generate({
      prompt: 'x',
      output_format: format,
      ...extended({ seed: 2 }),
    });
    const bytes = Buffer.from(answer.data![0]!.b64_json!, 'base64');
    expect((await sharp(bytes).metadata()).format).toBe(found);
    const { colour } = await pixelOf(answer.data![0]!.b64_json);
    for (const [i, value] of colour.entries())
      expect(Math.abs(value - colourOf(2)[i]!)).toBeLessThanOrEqual(3);
  });

  test('keeps a picture of response_format url for whoever knows its name', async () => {
    const { openai, url } = await client({}, { apiKeys: ['unused'] });
    const answer = await openai.images.generate({
      prompt: 'x',
      response_format: 'url',
      output_format: 'webp',
    });
    const { url: place, b64_json } = answer.data![0]!;
    expect(b64_json).toBeUndefined();
    expect(place).toMatch(new RegExp(`^${url}/pictures/[0-9a-f]{32}$`));
    const fetched = await fetch(place!);
    expect(fetched.headers.get('content-type')).toBe('image/webp');
    expect((await sharp(await fetched.arrayBuffer()).metadata()).format).toBe('webp');
    expect((await fetch(place!.replace(/.$/, (last) => (last === '0' ? '1' : '0')))).status).toBe(404);
  });

  test('draws by the model that is named', async () => {
    const { openai, fashion } = await client();
    await openai.images.generate({ prompt: 'x', model: 'other' });
    expect(fashion.requests).toEqual([]);
  });

  test('passes warnings on', async () => {
    const { openai } = await client({ warnings: ['The prompt was cut.'] });
    expect(await openai.images.generate({ prompt: 'x', n: 2 })).toMatchObject({
      warnings: ['The prompt was cut.'],
    });
  });

  test('takes an empty prompt alone for a model without text', async () => {
    const { openai, fashion } = await client({ takesText: false });
    await openai.images.generate({ prompt: '' });
    expect(fashion.requests[0]).not.toHaveProperty('prompt');
    await expect(openai.images.generate({ prompt: 'a shoe' })).rejects.toMatchObject({
      status: 400,
      param: 'prompt',
    });
  });

  test('names its request as the client does', async () => {
    const { openai } = await client();
    const { _request_id } = await openai.images.generate(
      { prompt: 'x' },
      { headers: { 'x-request-id': 'mine-1' } },
    );
    expect(_request_id).toBe('mine-1');
    const other = await openai.images.generate(
      { prompt: 'x' },
      { headers: { 'x-request-id': 'no good\u00e4' } },
    );
    expect(other._request_id).toMatch(/^[0-9a-f-]{36}$/);
  });
});

describe('openai.images.generate refuses', () => {
  test.each([
    ['a prompt that is no text', { prompt: 7 }, 'prompt', 'invalid_value'],
    ['a missing prompt', {}, 'prompt', 'missing_required_parameter'],
    ['a parameter that there is none of', { steps: 5 }, 'steps', 'unknown_parameter'],
    ['more pictures than the limit', { n: 11 }, 'n', 'invalid_value'],
    ['no pictures', { n: 0 }, 'n', 'invalid_value'],
    ['a size of another form', { size: '10×10' }, 'size', 'invalid_value'],
    ['a size beyond the limit', { size: '9000x9000' }, 'size', 'invalid_value'],
    ['a size that the model cannot make', { size: '17x16' }, 'size', 'invalid_value'],
    ['a format that there is none of', { output_format: 'gif' }, 'output_format', 'invalid_value'],
    ['transparency', { background: 'transparent' }, 'background', 'invalid_value'],
    ['steps beyond the limit', { num_inference_steps: 1000 }, 'num_inference_steps', 'invalid_value'],
    ['a seed that is no whole number', { seed: 0.5 }, 'seed', 'invalid_value'],
    ['a negative guidance scale', { guidance_scale: -1 }, 'guidance_scale', 'invalid_value'],
    ['a prompt beyond the limit', { prompt: 'x'.repeat(4001) }, 'prompt', 'invalid_value'],
    ['a stream of addresses', { stream: true, response_format: 'url' }, 'response_format', 'invalid_value'],
    ['unfinished pictures without a stream', { partial_images: 1 }, 'partial_images', 'invalid_value'],
    ['quality of a PNG', { output_compression: 50 }, 'output_compression', 'invalid_value'],
  ])('%s', async (_, fields, param, code) => {
    const { openai, fashion } = await client();
    const body = { ...('prompt' in fields || param === 'prompt' ? {} : { prompt: 'x' }), ...fields };
    const error = await openai.images.generate(body as never).then(
      () => undefined,
      (caught: unknown) => caught,
    );
    expect(error).toBeInstanceOf(BadRequestError);
    expect(error).toMatchObject({ status: 400, param, code, type: 'invalid_request_error' });
    expect((error as APIError).requestID).toBeTruthy();
    expect(fashion.requests.filter(({ width }) => width !== 17)).toEqual([]);
  });

  test('a model that there is none of', async () => {
    const { openai } = await client();
    const failed = openai.images.generate({ prompt: 'x', model: '../../etc/passwd' });
    await expect(failed).rejects.toBeInstanceOf(NotFoundError);
    await expect(failed).rejects.toMatchObject({ status: 404, param: 'model', code: 'model_not_found' });
  });

  test('variations, whatever is sent', async () => {
    const { openai } = await client();
    const image = await toFile(Buffer.alloc(3_000_000), 'picture.png', { type: 'image/png' });
    const unsupported = { status: 400, code: 'unsupported', type: 'invalid_request_error' };
    await expect(openai.images.createVariation({ image })).rejects.toMatchObject(unsupported);
  });

  test('what a model fails at, without a word of why', async () => {
    const { openai, logText } = await client({
      beforeCall: () => {
        throw new Error('secret of /srv/models');
      },
    });
    const error: APIError = await openai.images.generate({ prompt: 'x' }).catch((caught) => caught);
    expect(error).toMatchObject({ status: 500, code: 'internal_error', type: 'server_error' });
    expect(error.message).not.toContain('secret');
    expect(logText()).toContain('secret of /srv/models');
  });
});

describe('openai.images.generate with stream', () => {
  test('shows unfinished pictures on the way to each finished one', async () => {
    const { openai } = await client();
    const stream = await openai.images.generate({
      prompt: 'x',
      stream: true,
      partial_images: 2,
      n: 2,
      ...extended({ seed: 5, num_inference_steps: 6 }),
    });
    const events = [];
    for await (const event of stream) events.push(event);
    const parts = events.map((event) =>
      event.type === 'image_generation.partial_image' ? event.partial_image_index : event.type,
    );
    expect(parts).toEqual([0, 1, 'image_generation.completed', 0, 1, 'image_generation.completed']);
    expect(events[0]).toMatchObject({
      size: '16x16',
      output_format: 'png',
      background: 'opaque',
      quality: 'auto',
    });
    expect(await pixelOf(events[0]!.b64_json)).toEqual({ size: [16, 16], colour: [50, 150, 150] });
    expect(events[5]).toMatchObject({ seed: 6, image_index: 1 });
    expect(await pixelOf(events[5]!.b64_json)).toEqual({ size: [16, 16], colour: colourOf(6) });
  });

  test('takes the decoder where the colours of latents were not fitted', async () => {
    const { openai } = await client({ preview: undefined });
    const stream = await openai.images.generate({ prompt: 'x', stream: true, partial_images: 1 });
    const events = [];
    for await (const event of stream) events.push(event);
    expect(events.map(({ type }) => type)).toEqual([
      'image_generation.partial_image',
      'image_generation.completed',
    ]);
    expect((await pixelOf(events[0]!.b64_json)).colour).toEqual([1, 2, 3]);
  });

  test('without partial_images has the finished picture alone', async () => {
    const { openai } = await client();
    const types = [];
    for await (const { type } of await openai.images.generate({ prompt: 'x', stream: true }))
      types.push(type);
    expect(types).toEqual(['image_generation.completed']);
  });

  test('has a status of its own for what is refused before the first event', async () => {
    const { openai } = await client();
    await expect(
      openai.images.generate({ prompt: 'x', stream: true, size: '17x16' as '256x256' }),
    ).rejects.toMatchObject({ status: 400, param: 'size' });
  });

  test('ends in an error event for what fails later', async () => {
    const { openai } = await client({
      beforeCall: (call) => {
        if (call === 3) throw new Error('broken');
      },
    });
    const stream = await openai.images.generate({ prompt: 'x', stream: true, partial_images: 1 });
    const types: string[] = [];
    const reading = (async () => {
      for await (const { type } of stream) types.push(type);
    })();
    await expect(reading).rejects.toBeInstanceOf(APIError);
    expect(types).toEqual(['image_generation.partial_image']);
  });
});

describe('openai.models', () => {
  test('lists and shows what is served', async () => {
    const { openai } = await client();
    const models = [];
    for await (const model of openai.models.list()) models.push(model);
    expect(models).toEqual([
      { id: 'fashion', object: 'model', created: 1_700_000_000, owned_by: 'cachequant' },
      { id: 'other', object: 'model', created: 1_700_000_000, owned_by: 'cachequant' },
    ]);
    expect(await openai.models.retrieve('other')).toMatchObject({ id: 'other' });
    await expect(openai.models.retrieve('none')).rejects.toMatchObject({
      status: 404,
      code: 'model_not_found',
    });
  });
});
