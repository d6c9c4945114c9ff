// Bundles the browser side into ../dist, which is committed: running the site needs no Node.
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import * as esbuild from "esbuild";

const here = fileURLToPath(new URL(".", import.meta.url));

// Every browser we support reads woff2; without this the bundle would carry each font three times.
const onlyWoff2 = {
  name: "katex-only-woff2",
  setup(build) {
    build.onLoad({ filter: /katex\.css$/ }, async ({ path }) => ({
      contents: (await readFile(path, "utf8")).replace(/,\s*url\([^)]*\.(woff|ttf)\) format\("[^"]*"\)/g, ""),
      loader: "css",
    }));
  },
};

// KaTeX sets "style" attributes here and there, which the site's style policy blocks. As properties,
// which it doesn't, they do the same.
const katexByProperties = {
  name: "katex-styles-by-properties",
  setup(build) {
    build.onLoad({ filter: /katex\.mjs$/ }, async ({ path }) => {
      const calls = /node\.setAttribute\(attr, (this\.attributes\[attr\]|value)\)/g;
      const source = await readFile(path, "utf8");
      if (source.match(calls)?.length !== 4) throw new Error("KaTeX has changed: look at its setAttribute calls");
      const contents = source.replace(calls, '(attr === "style" ? node.style.cssText = $1 : $&)');
      return { contents, loader: "js" };
    });
  },
};

const options = {
  absWorkingDir: here,
  entryPoints: {
    theme: "js/theme.js",
    site: "js/site.js",
    workbench: "js/workbench.js",
    quiz: "js/quiz.js",
    math: "js/math.js",
    style: "css/index.css",
    notebook: "css/notebook.css",
  },
  outdir: "../dist",
  bundle: true,
  minify: true,
  format: "esm",
  target: ["chrome105", "firefox104", "safari15.4"],
  loader: { ".woff2": "file" },
  assetNames: "fonts/[name]",
  legalComments: "eof",
  plugins: [onlyWoff2, katexByProperties],
};

if (process.argv.includes("--watch")) {
  await (await esbuild.context(options)).watch();
} else {
  await esbuild.build(options);
}
