const text = { type: 'string' };
const number = { type: 'number' };
const integer = { type: 'integer' };
const strings = { type: 'array', items: text };
const nullableText = { type: ['string', 'null'] };

function object(properties: Readonly<Record<string, object>>, optional: readonly string[] = []): object {
  const required = Object.keys(properties).filter((name) => !optional.includes(name));
  return { type: 'object', properties, required };
}

function list(name: string): object {
  return { type: 'array', items: { $ref: `#/components/schemas/${name}` } };
}

/** What is answered, by name. */
export const SCHEMAS: Readonly<Record<string, object>> = {
  Error: object({ error: object({ message: text, type: text, param: nullableText, code: nullableText }) }),
  Picture: object({ b64_json: text, url: text, seed: integer }, ['b64_json', 'url']),
  Pictures: object(
    {
      created: integer,
      data: list('Picture'),
      output_format: text,
      background: text,
      size: text,
      warnings: strings,
    },
    ['warnings'],
  ),
  Model: object({ id: text, object: text, created: integer, owned_by: text }),
  Models: object({ object: text, data: list('Model') }),
  TextToImage: object({ images: strings, parameters: { type: 'object' }, info: text }),
  Progress: object({
    progress: number,
    eta_relative: number,
    state: object({
      job: text,
      job_count: integer,
      job_no: integer,
      sampling_step: integer,
      sampling_steps: integer,
    }),
    current_image: nullableText,
  }),
  Options: object({ sd_model_checkpoint: text }),
  Order: object({
    id: text,
    model: text,
    image: integer,
    images: integer,
    call: integer,
    calls: integer,
    seconds: number,
  }),
  Queue: object({
    capacity: integer,
    running: list('Order'),
    waiting: list('Order'),
  }),
  Status: object({ status: text }),
};
