import { describe, expect, test } from 'vitest';
import { blocksOf, unmadeOutputs, withBodies } from './blocks.mjs';
import { quotes } from './quotes.mjs';
import { madeBodies, readmes } from './readmes.mjs';

const all = readmes();
const unbroken = (text: string) => text.replace(/\s+/g, ' ');

// Examples start processes, on a machine that may do other things as well.
describe.each(all)('$file', { timeout: 300_000 }, (readme) => {
  test('shows the outputs, transcripts and tables that `npm run readme` makes', async () => {
    const blocks = blocksOf(readme.text);
    const made = await madeBodies(readme);
    expect(blocks.map(({ body }) => body)).toEqual(made);
  });

  test('shows no output of an example that nothing makes', () => {
    expect(unmadeOutputs(readme.text)).toEqual([]);
  });
});

test.each(quotes())('$file quotes the results: $text', ({ file, text }) => {
  expect(unbroken(all.find((readme) => readme.file === file)!.text)).toContain(unbroken(text));
});

describe('blocksOf(text), withBodies(text, bodies)', () => {
  const text = 'a\n<!-- made: output 2 -->\nold\n<!-- end -->\nb\n<!-- made: table -->\nx\ny\n<!-- end -->\n';

  test('find the maker, its arguments and what stands there', () => {
    expect(blocksOf(text)).toMatchObject([
      { maker: 'output', args: ['2'], body: 'old', before: 'a\n' },
      { maker: 'table', args: [], body: 'x\ny' },
    ]);
  });

  test('replace what stands there, and nothing else', () => {
    expect(withBodies(text, ['new $1', 'z'])).toBe(
      'a\n<!-- made: output 2 -->\nnew $1\n<!-- end -->\nb\n<!-- made: table -->\nz\n<!-- end -->\n',
    );
    expect(withBodies(text, ['old', 'x\ny'])).toBe(text);
  });
});

test('unmadeOutputs(text) finds an output after an example, unless it is made', () => {
  const example = '```js\nrun();\n```\n\n';
  expect(unmadeOutputs(`${example}\`\`\`\nby hand\n\`\`\`\n`)).toEqual(['by hand']);
  expect(unmadeOutputs(`${example}<!-- made: output -->\n\`\`\`\nx\n\`\`\`\n<!-- end -->\n`)).toEqual([]);
  expect(unmadeOutputs('```sh\nls\n```\n\n```\nnpm install\n```\n')).toEqual([]);
});
