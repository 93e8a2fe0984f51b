const LIGHT = `
  --paper: #fcfbf9;
  --surface: #ffffff;
  --ink: #1c2530;
  --muted: #596573;
  --line: #e4e3de;
  --float: #8a929c;
  --full: #2b5c9e;
  --cached: #6fb0bd;
  --warm: #c0622d;
  --text-encoder: #c39a3f;
  --decoder: #8a6caf;
  --badge: #e4edf8;
  --heat-0: #f1f3f4;
  --heat-1: #dbe7ec;
  --heat-2: #c0d7e1;
  --heat-3: #a0c4d5;
  --heat-4: #7dadc8;
  --heat-5: #5a93b8;
  --heat-6: #3f77a5;
  --heat-7: #2c5a8c;
  --heat-8: #1d3d69;`;

const DARK = `
  --paper: #14181d;
  --surface: #1a2027;
  --ink: #e7eaee;
  --muted: #a2adb9;
  --line: #2e363f;
  --float: #8b95a1;
  --full: #6ea8ee;
  --cached: #3f8794;
  --warm: #e8935c;
  --text-encoder: #c9a65a;
  --decoder: #a58acb;
  --badge: #223349;
  --heat-0: #1c242c;
  --heat-1: #1f303e;
  --heat-2: #223f54;
  --heat-3: #27516d;
  --heat-4: #2f6688;
  --heat-5: #3e7fa5;
  --heat-6: #5b9bbf;
  --heat-7: #86bbd6;
  --heat-8: #c3e2f0;`;

/** Colours by role, for light and dark screens; paper is always light. */
export const THEME = `
:root { color-scheme: light dark; ${LIGHT}
}
@media screen and (prefers-color-scheme: dark) {
:root { ${DARK}
}
}
@media print {
:root { --paper: #ffffff; }
}
`;
