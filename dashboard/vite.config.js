// The site is served under one path by hognose itself, and embedded into it: crates/hognose/build.rs reads `dist/site`.
export default {
  base: "/cdn-cgi/explorer/",
  build: { outDir: "dist/site", emptyOutDir: true, modulePreload: { polyfill: false } },
};
