/** Pixels of a letter, and from one letter to the next, and from one line to the next. */
export const GLYPH = { width: 5, height: 8, advance: 6, lineHeight: 10 } as const;

const FIRST = 32;

/** The printable characters of ASCII from the space on: five columns each, the lowest bit at the top. */
const COLUMNS =
  '0000000000' + // space
  '00005f0000 0007000700 147f147f14 242a7f2a12 2313086462 3649552250 0005030000 001c224100' + // ! " # $ % & ' (
  '0041221c00 14083e0814 08083e0808 0050300000 0808080808 0060600000 2010080402' + // ) * + , - . /
  '3e5149453e 00427f4000 4261514946 2141454b31 1814127f10 2745454539 3c4a494930' + // 0 to 6
  '0171090503 3649494936 064949291e 0036360000 0056360000 0814224100 1414141414' + // 7 8 9 : ; < =
  '0041221408 0201510906 324979413e' + // > ? @
  '7e1111117e 7f49494936 3e41414122 7f4141221c 7f49494941 7f09090901 3e41495132' + // A to G
  '7f0808087f 00417f4100 2040413f01 7f08142241 7f40404040 7f020c027f 7f0408107f' + // H to N
  '3e4141413e 7f09090906 3e4151215e 7f09192946 4649494931 01017f0101 3f4040403f' + // O to U
  '1f2040201f 3f4038403f 6314081463 0708700807 6151494543' + // V to Z
  '007f414100 0204081020 0041417f00 0402010204 4040404040 0001020400' + // [ \ ] ^ _ `
  '2054545478 7f48444438 3844444420 384444487f 3854545418 087e090102 18a4a4a47c' + // a to g
  '7f08040478 00447d4000 4080847d00 7f10284400 00417f4000 7c04180478 7c08040478' + // h to n
  '3844444438 fc24242418 18242418fc 7c08040408 4854545420 043f444020 3c4040207c' + // o to u
  '1c2040201c 3c4030403c 4428102844 1ca0a0a07c 4464544c44' + // v to z
  '0008364100 00007f0000 0041360800 0804080408'; // { | } ~

const HEX = COLUMNS.replaceAll(' ', '');

/** Characters that have no glyph and one that will do. */
const STAND_INS: Readonly<Record<string, string>> = {
  '’': "'",
  '‘': "'",
  '“': '"',
  '”': '"',
  '–': '-',
  '—': '-',
  '−': '-',
  '×': 'x',
  '…': '...',
  '\u00a0': ' ',
};

/** The text in characters that have a glyph; letters lose their accents, what is left becomes a question mark. */
export function drawable(text: string): string {
  const plain = text.normalize('NFKD').replace(/\p{M}/gu, '');
  return [...plain]
    .map((letter) => STAND_INS[letter] ?? (/[\x20-\x7e]/.test(letter) ? letter : '?'))
    .join('');
}

/** Whether the pixel of a drawable character is set. */
export function glyphPixel(letter: string, x: number, y: number): boolean {
  const at = ((letter.codePointAt(0)! - FIRST) * GLYPH.width + x) * 2;
  return ((Number.parseInt(HEX.slice(at, at + 2), 16) >> y) & 1) === 1;
}
