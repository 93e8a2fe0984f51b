import { CacheQuantError } from '@cachequant/tensor';
import { describe, expect, it } from 'vitest';
import { attribute, elementsIn, elementsOf, textOf } from './__fixtures__/page.js';
import { sampleReport } from './__fixtures__/sample-report.js';
import { renderReport } from './render-report.js';
import type { ReportData } from './report-data.js';

const SECTION_IDS = [
  'pictures',
  'comparison',
  'times',
  'size',
  'distances',
  'schedule',
  'error',
  'operators',
  'layers',
  'left-out',
  'settings',
];

const sample = sampleReport();
const page = renderReport(sample);
const elements = elementsOf(page);
const byId = (id: string, source = elements) => source.find((element) => attribute(element, 'id') === id)!;
const plain = (text: string) => text.replaceAll('\u00a0', ' ');
const inClass = (source: readonly ReturnType<typeof elementsOf>[number][], name: string) =>
  source.filter((element) => attribute(element, 'class')?.split(' ').includes(name));

/** How often each tag occurs, and the names of all attributes. */
function skeleton(source: string) {
  const tags: Record<string, number> = {};
  const attributes = new Set<string>();
  for (const element of elementsOf(source)) {
    tags[element.tagName] = (tags[element.tagName] ?? 0) + 1;
    for (const { name } of element.attrs) attributes.add(name);
  }
  return { tags, attributes: [...attributes].sort() };
}

describe('renderReport', () => {
  it('has all sections in order, each named by its heading', () => {
    const sections = elements.filter(({ tagName }) => tagName === 'section');
    expect(sections.map((section) => attribute(section, 'id'))).toEqual(SECTION_IDS);
    for (const section of sections) {
      const heading = byId(attribute(section, 'aria-labelledby')!);
      expect(heading.tagName).toBe('h2');
      expect(textOf(heading)).not.toBe('');
    }
    expect(elements.filter(({ tagName }) => tagName === 'h1')).toHaveLength(1);
  });

  it('begins with speed, denoiser size and PSNR with its interval', () => {
    const numbers = plain(textOf(inClass(elements, 'numbers')[0]!));
    expect(numbers).toContain('4.37× faster');
    expect(numbers).toContain('3.60× smaller');
    expect(numbers).toContain('32.6 dB');
    expect(numbers).toContain('95 % interval 31.7 to 33.7 dB');
  });

  it('gives nine files of the denoiser colours that differ, but for the smallest', () => {
    const denoiserItems = Array.from({ length: 9 }, (_, at) => ({ name: `f${at}`, bytes: 10 + at }));
    const size = byId('size', elementsOf(renderReport({ ...sample, denoiserItems })));
    const swatches = inClass(elementsIn(size), 'swatch').map((swatch) => attribute(swatch, 'class'));
    expect(new Set(swatches.slice(0, 7)).size).toBe(7);
    expect(swatches.slice(7)).toEqual(['swatch float', 'swatch float']);
    expect(plain(textOf(size))).toMatch(/f8.*f7.*f0/s);
  });

  it('tells candidates of one name apart, by refreshes or by a number', () => {
    const [first, second] = sample.candidates;
    const candidates = [first!, { ...first!, refreshCalls: [0, 9] }, second!, { ...second!, psnr: 20 }];
    const rows = elementsIn(byId('schedule', elementsOf(renderReport({ ...sample, candidates }))));
    const named = rows
      .filter((element) => attribute(element, 'data-label') === 'Correction')
      .map((cell) => textOf(cell));
    expect(named).toEqual([
      'forecast, 10 refreshes',
      'forecast, 2 refreshes',
      'per channel, 10 refreshes, no. 1',
      'per channel, 10 refreshes, no. 2',
    ]);
  });

  it('asks for nothing outside: no script, no link, no address but data: in it', () => {
    expect(
      elements.filter(({ tagName }) => ['script', 'link', 'iframe', 'object', 'base'].includes(tagName)),
    ).toEqual([]);
    for (const element of elements) {
      for (const { name, value } of element.attrs) {
        expect(name.startsWith('on')).toBe(false);
        if (['src', 'href', 'xlink:href', 'srcset', 'action'].includes(name))
          expect(value).toMatch(/^data:image\/png;base64,/);
        if (!name.startsWith('xmlns')) expect(value).not.toMatch(/https?:|url\(/);
      }
    }
    expect(textOf(elements.find(({ tagName }) => tagName === 'style')!)).not.toMatch(/url\(|@import|https?:/);
  });

  it('holds the pictures byte for byte, with a text for each', () => {
    const images = elements.filter(({ tagName }) => tagName === 'img');
    expect(images).toHaveLength(2 * sample.pictures.length);
    expect(attribute(images[1]!, 'src')).toBe(
      `data:image/png;base64,${Buffer.from(sample.pictures[0]!.optimized.png).toString('base64')}`,
    );
    expect(attribute(images[1]!, 'alt')).toBe('“a black ankle boot”, seed 1000, by the bundle');
    expect(attribute(images[1]!, 'class')).toBe('pixelated');
  });

  it('gives every figure a text and every table a caption and headings', () => {
    for (const svg of elements.filter(({ tagName }) => tagName === 'svg')) {
      expect(attribute(svg, 'aria-hidden')).toBe('true');
      const parent = svg.parentNode as (typeof elements)[number];
      expect(attribute(parent, 'role')).toBe('img');
      expect(attribute(parent, 'aria-label')).toMatch(/\w+/);
    }
    for (const table of elements.filter(({ tagName }) => tagName === 'table')) {
      expect(textOf(table.childNodes.find((node) => node.nodeName === 'caption')!)).not.toBe('');
    }
  });

  it('draws the schedule on the heat map: an outline for each group, a mark at each refresh', () => {
    const heatMap = elementsOf(renderReport({ ...sample, candidates: [] }));
    const outlines = inClass(heatMap, 'schedule-group');
    expect(outlines).toHaveLength(2);
    for (const outline of outlines) {
      const rects = outline.childNodes as (typeof elements)[number][];
      expect(rects).toHaveLength(sample.refreshCalls.length);
      const sides = rects.map((rect) => Number(attribute(rect, 'width')));
      const lengths = sample.refreshCalls.map(
        (start, group) => (sample.refreshCalls[group + 1] ?? 51) - start,
      );
      for (const [group, side] of sides.entries())
        expect(side / sides[0]!).toBeCloseTo(lengths[group]! / lengths[0]!, 2);
    }
    for (const name of ['refresh-column', 'refresh-row']) {
      expect(inClass(heatMap, name).map(({ childNodes }) => childNodes.length)).toEqual([10, 10]);
    }
  });

  it('labels each call at most once on the axis of a short run', () => {
    const corrected = [0, 0.01, 0.02, 0.03];
    const errorPerCall = { corrected, uncorrected: [] };
    const short = byId('error', elementsOf(renderReport({ ...sample, refreshCalls: [0, 2], errorPerCall })));
    const wide = inClass(elementsIn(short), 'wide')[0]!;
    const groups = elementsIn(wide).filter(({ tagName }) => tagName === 'g');
    const axes = groups.map(({ childNodes }) =>
      childNodes.filter(({ nodeName }) => nodeName === 'text').map(textOf),
    );
    expect(axes).toContainEqual(['0', '1', '2', '3']);
    expect(plain(textOf(short))).not.toContain('without correction');
  });

  it('stays under a megabyte with 24 pairs', () => {
    const pictures = Array.from({ length: 24 }, (_, index) => sample.pictures[index % 8]!);
    expect(renderReport({ ...sample, pictures }).length).toBeLessThan(1e6);
  });

  it('stays under a megabyte with a thousand calls', () => {
    const calls = 1000;
    const distances = {
      calls,
      window: 40,
      distance: Float64Array.from({ length: calls * 40 }, (_, at) => at % 97),
    };
    const refreshCalls = Array.from({ length: 50 }, (_, group) => group * 20);
    expect(renderReport({ ...sample, distances, refreshCalls }).length).toBeLessThan(1e6);
  });
});

describe('renderReport with warnings', () => {
  it('says them in the head, before the numbers, as text', () => {
    const page = renderReport({ ...sample, warnings: ['The pictures are bad: 18.8 dB <b>'] });
    const [head = ''] = page.split('class="numbers"');
    expect(head).toContain('The pictures are bad: 18.8 dB &lt;b&gt;');
    expect(renderReport(sample)).not.toContain('class="warning"');
  });
});

describe('renderReport with hostile strings', () => {
  const hostile = `"><script>alert(1)</script><img src=x onerror="alert('2')"></style></svg></title>&amp;<!-- \u0000\ud800 👟`;
  const everywhere = poison(sample, hostile);

  it('adds no element and no attribute, wherever the string stands', () => {
    expect(skeleton(renderReport(everywhere))).toEqual(skeleton(renderReport(poison(sample, 'harmless'))));
  });

  it('shows the string as it came, but for characters that no page may hold', () => {
    const shown = hostile.replace('\u0000', '\ufffd').replace('\ud800', '\ufffd');
    const hostilePage = elementsOf(renderReport(everywhere));
    expect(textOf(hostilePage.find(({ tagName }) => tagName === 'h1')!)).toBe(shown);
    expect(textOf(hostilePage.find(({ tagName }) => tagName === 'q')!)).toBe(shown);
    expect(
      hostilePage.some(
        ({ tagName, ...node }) => tagName === 'text' && textOf({ tagName, ...node }) === shown,
      ),
    ).toBe(true);
  });
});

describe('renderReport with parts missing', () => {
  const empty = { corrected: [], uncorrected: [] };
  const noTimes = { textEncoderMs: 0, calls: [], decoderMs: 0 };
  const cases: readonly (readonly [string, Partial<ReportData>, string, RegExp])[] = [
    ['no pictures', { pictures: [] }, 'pictures', /No pictures were kept/],
    ['no rows', { rows: [] }, 'comparison', /Nothing else was measured/],
    ['a single row', { rows: sample.rows.slice(0, 1) }, 'comparison', /Original/],
    ['no items', { denoiserItems: [] }, 'size', /0 B/],
    ['no times', { times: { original: noTimes, optimized: noTimes } }, 'times', /not measured/],
    [
      'no distances',
      { distances: { calls: 0, window: 0, distance: new Float64Array() } },
      'distances',
      /not kept/,
    ],
    ['no candidates', { candidates: [] }, 'schedule', /10 computed everything/],
    ['no schedule', { refreshCalls: [], cacheHits: { full: 0, cached: 0 } }, 'schedule', /Of 0 calls/],
    ['no errors', { errorPerCall: empty }, 'error', /not measured/],
    [
      'no operators',
      { coverage: { integerShare: 0, plannedShare: 0, operators: [] } },
      'operators',
      /0 % of/,
    ],
    ['no layers', { layers: undefined }, 'layers', /not measured/],
    ['nothing left out', { leftOut: [] }, 'left-out', /Nothing was left out/],
    ['no settings', { settings: [], versions: {} }, 'settings', /Versions/],
  ];

  it.each(cases)('%s: says so, and keeps every section', (_, part, id, expected) => {
    const source = renderReport({ ...sample, ...part });
    const sparse = elementsOf(source);
    for (const section of SECTION_IDS) expect(byId(section, sparse)).toBeDefined();
    expect(plain(textOf(byId(id, sparse)))).toMatch(expected);
    expect(source.replace(/base64,[^"]*/g, '')).not.toMatch(/NaN|undefined|Infinity|\[object/);
  });

  it('names identical pictures so where the PSNR is infinite', () => {
    const infinite = Number.POSITIVE_INFINITY;
    const rows = sample.rows.map((row) =>
      row.psnr === null ? row : { ...row, psnr: infinite, psnrInterval: [infinite, infinite] as const },
    );
    const pictures = sample.pictures.map((pair) => ({ ...pair, psnr: infinite }));
    const source = renderReport({ ...sample, rows, pictures });
    expect(textOf(inClass(elementsOf(source), 'numbers')[0]!)).toContain('identical');
    expect(source.replace(/base64,[^"]*/g, '')).not.toMatch(/NaN|Infinity/);
  });

  it('refuses a picture that is not a PNG', () => {
    const picture = { png: new TextEncoder().encode('<svg/>'), width: 1, height: 1 };
    const pictures = [{ ...sample.pictures[0]!, original: picture }];
    expect(() => renderReport({ ...sample, pictures })).toThrowError(CacheQuantError);
    expect(() => renderReport({ ...sample, pictures })).toThrowError(/got 3c 73 76 67/);
  });
});

/** The sample with one string in all places where a string can come from outside. */
function poison(data: ReportData, text: string): ReportData {
  return {
    ...data,
    title: text,
    createdAt: text,
    versions: { [text]: text },
    settings: [{ name: text, value: text }],
    rows: data.rows.map((row, index) => ({
      ...row,
      label: text,
      id: index === 0 ? 'original' : `${index}${text}`,
    })),
    denoiserItems: [{ name: text, bytes: 1 }],
    candidates: data.candidates.map((candidate) => ({ ...candidate, schedule: text, correction: text })),
    coverage: { ...data.coverage, operators: [{ opType: text, ms: 1, count: 1 }] },
    ...(data.layers && {
      layers: {
        ...data.layers,
        measured: data.layers.measured.map((layer, at) => ({
          ...layer,
          id: at % 2 ? text : layer.id,
          kind: text,
          reason: text,
        })),
      },
    }),
    pictures: data.pictures.map((pair) => ({ ...pair, prompt: text })),
    leftOut: [{ what: text, why: text }],
  };
}
