// Draws the emoji of @iconify-json/fluent-emoji-flat and names them as Unicode does.
// Usage: node rasterize.mjs OUT, in a folder with this script's packages (see README.md).
// Writes OUT/emoji.rgba (N×256×256×4 bytes, straight alpha) and OUT/emoji.json ([{name, group, emoji}]).
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const SIZE = 256;
const GROUPS = ["Smileys & Emotion", "Animals & Nature", "Food & Drink", "Travel & Places", "Activities", "Objects"];
const LEFT_OUT = /o’clock|-thirty|\bbutton\b/;

const out = process.argv[2];
const require = createRequire(join(process.cwd(), "package.json"));
const { Resvg } = require("@resvg/resvg-js");
const read = (id) => JSON.parse(readFileSync(require.resolve(id), "utf8"));
const icons = read("@iconify-json/fluent-emoji-flat/icons.json");
const characters = read("@iconify-json/fluent-emoji-flat/chars.json");
const unicode = read("unicode-emoji-json/data-by-emoji.json");

const points = (emoji) => [...emoji].map((c) => c.codePointAt(0).toString(16)).filter((p) => p !== "fe0f");
const iconOf = new Map(
  Object.entries(characters).map(([code, icon]) => [code.split("-").filter((p) => p !== "fe0f").join("-"), icon]),
);
const bodyOf = (icon) => icons.icons[icon]?.body ?? icons.icons[icons.aliases?.[icon]?.parent]?.body;

const pictures = [];
const names = [];
for (const [emoji, { name, group }] of Object.entries(unicode)) {
  const body = bodyOf(iconOf.get(points(emoji).join("-")));
  if (!GROUPS.includes(group) || LEFT_OUT.test(name) || body === undefined) continue;
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">${body}</svg>`;
  const drawn = new Resvg(svg, { fitTo: { mode: "width", value: SIZE } }).render();
  const pixels = Buffer.from(drawn.pixels);
  for (let i = 0; i < pixels.length; i += 4) {
    const alpha = pixels[i + 3];
    if (alpha > 0 && alpha < 255) {
      for (let c = 0; c < 3; c++) pixels[i + c] = Math.min(255, Math.round((pixels[i + c] * 255) / alpha));
    }
  }
  pictures.push(pixels);
  names.push({ name, group, emoji });
}
mkdirSync(out, { recursive: true });
const write = (file, data) => {
  writeFileSync(join(out, `${file}.tmp`), data);
  renameSync(join(out, `${file}.tmp`), join(out, file));
};
write("emoji.rgba", Buffer.concat(pictures));
write("emoji.json", JSON.stringify(names, null, 1));
console.log(`${names.length} emoji`);
