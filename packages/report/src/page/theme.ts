import { declarations } from './palette.js';

/** Colours by role, for light and dark screens; paper is always light. */
export const THEME = `
:root { color-scheme: light dark;
${declarations('light')}
}
@media screen and (prefers-color-scheme: dark) {
:root {
${declarations('dark')}
}
}
@media print {
:root { --paper: #ffffff; }
}
`;
