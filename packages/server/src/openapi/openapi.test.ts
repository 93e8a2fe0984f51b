import { Validator } from '@seriousme/openapi-schema-validator';
import { describe, expect, test } from 'vitest';
import { fakeModel } from '../__fixtures__/fake-model.js';
import { startServer } from '../__fixtures__/start-server.js';
import { DEFAULT_LIMITS } from '../limits.js';
import { openApiDocument } from './document.js';

interface Document {
  readonly paths: Record<
    string,
    Record<string, { requestBody?: unknown; responses: object; security?: unknown[] }>
  >;
}

const document = openApiDocument(DEFAULT_LIMITS) as Document;
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
);

describe('GET /openapi.json', () => {
  test('is a valid OpenAPI document', async () => {
    const { url } = await startServer({ models: [fakeModel('fashion')] });
    const served = await (await fetch(`${url}/openapi.json`)).json();
    expect(served).toEqual(JSON.parse(JSON.stringify(document)));
    const { valid, errors } = await new Validator().validate(served);
    expect(errors ?? []).toEqual([]);
    expect(valid).toBe(true);
  });

  test('has the fields of the requests with their limits', () => {
    const { requestBody } = document.paths['/v1/images/generations']!.post!;
    expect(requestBody).toMatchObject({
      content: {
        'application/json': {
          schema: {
            required: ['prompt'],
            additionalProperties: false,
            properties: {
              prompt: { type: 'string', maxLength: DEFAULT_LIMITS.promptCharacters },
              n: {
                anyOf: [{ type: 'integer', minimum: 1, maximum: DEFAULT_LIMITS.pictures }, { type: 'null' }],
              },
              output_format: { anyOf: [{ enum: ['png', 'jpeg', 'webp'] }, { type: 'null' }] },
              seed: expect.anything(),
              num_inference_steps: expect.anything(),
              guidance_scale: expect.anything(),
              negative_prompt: expect.anything(),
            },
          },
        },
      },
    });
  });

  test.each(operations)('names a route that there is: $method $path', async ({ path, method, operation }) => {
    const { url } = await startServer({ models: [fakeModel('fashion')], apiKeys: ['key'] });
    const place = url + path.replace('{id}', 'fashion').replace('{name}', '0'.repeat(32));
    const answer = await fetch(place, { method, ...(method === 'post' && { body: '' }) });
    // Without a key, routes that need one say so; the others answer as the document says.
    const open = operation.security?.length === 0;
    expect(answer.status === 401).toBe(!open);
    expect(Object.keys(operation.responses)).toContain(String(answer.status));
    const body = await answer.text();
    expect(body).not.toContain('There is nothing here');
  });
});
