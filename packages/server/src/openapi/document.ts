import { z } from 'zod';
import { imageToImageSchema } from '../automatic1111/image-to-image.js';
import { textToImageSchema } from '../automatic1111/text-to-image-request.js';
import type { ServerLimits } from '../limits.js';
import { editSchema } from '../openai/edit-request.js';
import { generationSchema } from '../openai/generation-request.js';
import { SCHEMAS } from './schemas.js';

interface Operation {
  readonly summary: string;
  readonly body?: z.ZodType;
  /** Fields of a multipart form, and what its files are. */
  readonly form?: z.ZodType;
  readonly files?: Readonly<Record<string, string>>;
  /** By status, a schema of SCHEMAS or a media type without one. */
  readonly answers: Readonly<Record<number, string>>;
  readonly parameters?: readonly object[];
  readonly open?: boolean;
}

const DRAWING_ERRORS = {
  400: 'Error',
  401: 'Error',
  404: 'Error',
  413: 'Error',
  429: 'Error',
  500: 'Error',
  503: 'Error',
  504: 'Error',
};

/** The interface of a server with these limits, in OpenAPI 3.1. */
export function openApiDocument(limits: ServerLimits): object {
  const paths = Object.entries(operations(limits)).map(([path, methods]) => [
    path,
    Object.fromEntries(Object.entries(methods).map(([method, operation]) => [method, shown(operation)])),
  ]);
  return {
    openapi: '3.1.0',
    info: {
      title: 'CacheQuant',
      version: '1',
      description:
        'Pictures from text. The /v1 paths are OpenAI’s images interface with `seed`, `num_inference_steps`, ' +
        '`guidance_scale` and `negative_prompt` beside its fields; the /sdapi paths are AUTOMATIC1111’s.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    security: [{ key: [] }, {}],
    paths: Object.fromEntries(paths),
    components: { schemas: SCHEMAS, securitySchemes: { key: { type: 'http', scheme: 'bearer' } } },
  };
}

function operations(limits: ServerLimits): Record<string, Record<string, Operation>> {
  return {
    '/v1/images/generations': {
      post: {
        summary: 'Draw pictures; with `stream`, as server-sent events',
        body: generationSchema(limits),
        answers: { 200: 'Pictures', ...DRAWING_ERRORS },
      },
    },
    '/v1/images/edits': {
      post: {
        summary:
          'Change a picture, or paint what its mask lets through; with `stream`, as server-sent events',
        form: editSchema(limits),
        files: {
          image: 'PNG, JPEG or WebP; what may be seen through is painted, where there is no mask',
          mask: 'Painted is what may be seen through; without transparency, what is white',
        },
        answers: { 200: 'Pictures', ...DRAWING_ERRORS },
      },
    },
    '/v1/images/variations': {
      post: { summary: 'Not supported: always an error', answers: { 400: 'Error', 401: 'Error' } },
    },
    '/v1/models': {
      get: { summary: 'The models that are served', answers: { 200: 'Models', 401: 'Error' } },
    },
    '/v1/models/{id}': {
      get: {
        summary: 'One model',
        parameters: [inPath('id')],
        answers: { 200: 'Model', 401: 'Error', 404: 'Error' },
      },
    },
    '/pictures/{name}': {
      get: {
        summary: 'A picture of an answer with `response_format: "url"`',
        parameters: [inPath('name')],
        answers: { 200: 'image/*', 404: 'Error' },
        open: true,
      },
    },
    '/sdapi/v1/txt2img': {
      post: {
        summary: 'Draw pictures',
        body: textToImageSchema(limits),
        answers: { 200: 'TextToImage', ...DRAWING_ERRORS },
      },
    },
    '/sdapi/v1/img2img': {
      post: {
        summary: 'Change a picture, or paint what its mask lets through',
        body: imageToImageSchema(limits),
        answers: { 200: 'TextToImage', ...DRAWING_ERRORS },
      },
    },
    '/sdapi/v1/progress': {
      get: {
        summary: 'Where the picture is that is being drawn, if it was asked for by /sdapi/v1/txt2img',
        parameters: [{ name: 'skip_current_image', in: 'query', schema: { type: 'boolean' } }],
        answers: { 200: 'Progress', 401: 'Error' },
      },
    },
    '/sdapi/v1/sd-models': {
      get: { summary: 'The models', answers: { 200: 'application/json', 401: 'Error' } },
    },
    '/sdapi/v1/samplers': {
      get: { summary: 'The samplers', answers: { 200: 'application/json', 401: 'Error' } },
    },
    '/sdapi/v1/options': {
      get: { summary: 'The model that is chosen', answers: { 200: 'Options', 401: 'Error' } },
      post: {
        summary: 'Choose a model for all later requests of this interface that name none',
        body: z.object({ sd_model_checkpoint: z.string() }),
        answers: { 200: 'application/json', 400: 'Error', 401: 'Error', 404: 'Error' },
      },
    },
    '/queue': { get: { summary: 'What is drawn and what waits', answers: { 200: 'Queue', 401: 'Error' } } },
    '/metrics': { get: { summary: 'Metrics for Prometheus', answers: { 200: 'text/plain', 401: 'Error' } } },
    '/healthz': { get: { summary: 'Whether the process answers', answers: { 200: 'Status' }, open: true } },
    '/readyz': {
      get: {
        summary: 'Whether the warm-up picture is done',
        answers: { 200: 'Status', 503: 'Error' },
        open: true,
      },
    },
    '/openapi.json': { get: { summary: 'This document', answers: { 200: 'application/json' }, open: true } },
  };
}

function shown({ summary, body, form, files = {}, answers, parameters, open }: Operation): object {
  return {
    summary,
    ...(open && { security: [] }),
    ...(parameters && { parameters }),
    ...(body && {
      requestBody: { required: true, content: { 'application/json': { schema: schemaOf(body) } } },
    }),
    ...(form && {
      requestBody: { required: true, content: { 'multipart/form-data': { schema: formOf(form, files) } } },
    }),
    responses: Object.fromEntries(
      Object.entries(answers).map(([status, answer]) => [status, answerOf(status, answer)]),
    ),
  };
}

function schemaOf(schema: z.ZodType): object {
  const { $schema, ...rest } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  return rest;
}

/** A form's fields, and its files, of which the picture cannot be left out. */
function formOf(form: z.ZodType, files: Readonly<Record<string, string>>): object {
  const { properties, required, ...rest } = schemaOf(form) as {
    properties: Record<string, object>;
    required?: string[];
  };
  const binary = Object.entries(files).map(([name, description]) => [
    name,
    { type: 'string', format: 'binary', description },
  ]);
  return {
    ...rest,
    properties: { ...Object.fromEntries(binary), ...properties },
    required: ['image', ...(required ?? [])],
  };
}

function answerOf(status: string, answer: string): object {
  const description = status === '200' ? 'Done' : 'Refused or failed';
  if (answer.includes('/')) return { description, content: { [answer]: {} } };
  return {
    description,
    content: { 'application/json': { schema: { $ref: `#/components/schemas/${answer}` } } },
  };
}

function inPath(name: string): object {
  return { name, in: 'path', required: true, schema: { type: 'string' } };
}
