import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vite";

// Names without hashes: the files are committed, and a change should show as a change, not as another file.
export default defineConfig({
  plugins: [svelte()],
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
