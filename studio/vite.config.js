import { svelte } from "@sveltejs/vite-plugin-svelte";
import { createHash } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import { defineConfig } from "vite";

// What the page was built from, so that a test without node can tell whether it was built since.
function sources() {
  const files = ["index.html", "package-lock.json", "package.json", "vite.config.js"];
  for (const folder of ["public", "src"]) {
    for (const each of readdirSync(folder, { recursive: true, withFileTypes: true })) {
      if (each.isFile()) files.push(`${each.parentPath}/${each.name}`);
    }
  }
  const digest = createHash("sha256");
  for (const file of files.sort()) digest.update(`${file}\0`).update(readFileSync(file)).update("\0");
  return digest.digest("hex");
}

const told = {
  name: "sources",
  generateBundle() {
    this.emitFile({ type: "asset", fileName: "sources.sha256", source: `${sources()}\n` });
  },
};

// Names without hashes: the files are committed, and a change should show as a change, not as another file.
export default defineConfig({
  plugins: [svelte(), told],
  build: {
    outDir: "../src/gedanken/serving/studio/page",
    emptyOutDir: true,
    modulePreload: false,
    assetsInlineLimit: 0,
    cssCodeSplit: false,
    rollupOptions: {
      output: {
        entryFileNames: "studio.js",
        assetFileNames: "studio[extname]",
        codeSplitting: false,
      },
    },
  },
  server: { proxy: { "/studio/live": { target: "ws://127.0.0.1:8000", ws: true }, "/studio": "http://127.0.0.1:8000" } },
});
