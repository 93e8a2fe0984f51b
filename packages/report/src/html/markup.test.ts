import fc from 'fast-check';
import { parseFragment } from 'parse5';
import { describe, expect, it } from 'vitest';
import { escapeHtml, html, Markup } from './markup.js';

describe('html', () => {
  it('puts any string into text and attributes so that a parser reads back that string', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        const [element, ...rest] = parseFragment(html`<p title="${text}">${text}</p>`.source).childNodes;
        expect(rest).toEqual([]);
        expect(element).toMatchObject({ tagName: 'p', attrs: [{ name: 'title', value: text }] });
        expect(element).toMatchObject({
          childNodes: text === '' ? [] : [{ nodeName: '#text', value: text }],
        });
      }),
    );
  });

  it('joins lists, keeps markup as it is and leaves out null, undefined and false', () => {
    expect(html`${[html`<b>${'<'}</b>`, 'a&b', 3]}${null}${undefined}${false}`.source).toBe(
      '<b>&lt;</b>a&amp;b3',
    );
    expect(html`${new Markup('<hr>')}`.source).toBe('<hr>');
  });
});

describe('escapeHtml', () => {
  it('replaces control characters and lone surrogates, and keeps other unicode', () => {
    expect(escapeHtml('a\u0000b\ud800c\ufffe')).toBe('a\ufffdb\ufffdc\ufffd');
    expect(escapeHtml('çà 图 👟 \u0627')).toBe('çà 图 👟 \u0627');
  });
});
