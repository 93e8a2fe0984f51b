// @ts-check

/**
 * @typedef {object} Block a part of a README that a script makes
 * @property {string} maker
 * @property {readonly string[]} args
 * @property {string} body between the marks, as it stands
 * @property {string} before everything of the README above the block
 */

const BLOCK = /<!-- made: ([\w-]+)((?: [^\s>]+)*) -->\n([\s\S]*?)\n<!-- end -->/g;

/**
 * The blocks of a README: from `<!-- made: maker arguments -->` to `<!-- end -->`, on lines of their own.
 *
 * @param {string} text
 * @returns {Block[]}
 */
export function blocksOf(text) {
  return [...text.matchAll(BLOCK)].map(({ 1: maker = '', 2: args = '', 3: body = '', index }) => ({
    maker,
    args: args.split(' ').filter(Boolean),
    body,
    before: text.slice(0, index),
  }));
}

/**
 * The README with the bodies of its blocks replaced, in their order.
 *
 * @param {string} text
 * @param {readonly string[]} bodies
 */
export function withBodies(text, bodies) {
  let next = 0;
  return text.replace(
    BLOCK,
    (_, maker, args) => `<!-- made: ${maker}${args} -->\n${bodies[next++]}\n<!-- end -->`,
  );
}

/**
 * @param {string} text
 * @returns {{ language: string, body: string }[]}
 */
export function fencesOf(text) {
  return [...text.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map(({ 1: language = '', 2: body = '' }) => ({
    language,
    body,
  }));
}

/**
 * Outputs that nothing makes: a block without a language after an example in JavaScript, outside of the marks.
 *
 * @param {string} text
 * @returns {string[]} the first line of each
 */
export function unmadeOutputs(text) {
  const open = text.replace(BLOCK, '');
  const fences = fencesOf(open);
  return fences
    .filter(({ language }, at) => language === '' && /^[jt]s$/.test(fences[at - 1]?.language ?? ''))
    .map(({ body }) => body.split('\n')[0] ?? '');
}
