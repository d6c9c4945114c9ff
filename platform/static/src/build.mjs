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

const options = {
  absWorkingDir: here,
  entryPoints: {
    theme: "js/theme.js",
    site: "js/site.js",
    workbench: "js/workbench.js",
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
  plugins: [onlyWoff2],
};

if (process.argv.includes("--watch")) {
  await (await esbuild.context(options)).watch();
} else {
  await esbuild.build(options);
}
