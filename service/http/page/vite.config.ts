import { defineConfig } from "vite";

const kNotice = "/*! weir: MIT. Contains Preact (https://preactjs.com), Copyright (c) 2015-present Jason Miller, MIT. */";

// One script, one style sheet, under names that do not change: the door gives each file an ETag of its bytes.
export default defineConfig({
  base: "./",
  esbuild: { jsx: "automatic", jsxImportSource: "preact", legalComments: "inline" },
  build: {
    target: "es2022",
    modulePreload: false,
    assetsInlineLimit: 0,
    cssCodeSplit: false,
    rollupOptions: {
      output: { entryFileNames: "assets/page.js", assetFileNames: "assets/page[extname]", inlineDynamicImports: true, banner: kNotice },
    },
  },
});
