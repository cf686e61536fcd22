// What CommonJS modules have instead of `import`. Gives the function that runs the module at a path, once.
// https://nodejs.org/api/modules.html

(natives) => {
  // By their paths, from the moment they begin: one that is asked for by what it requires gives what it has by then.
  const modules = new Map();

  const load = (path) => {
    const known = modules.get(path);
    if (known !== undefined) return known.exports;
    const module = { id: path, filename: path, exports: {}, loaded: false };
    modules.set(path, module);
    try {
      const run = natives.compile(path);
      const folder = path.slice(0, path.lastIndexOf("/")) || "/";
      Reflect.apply(run, module.exports, [module.exports, requireFrom(path), module, path, folder]);
    } catch (error) {
      modules.delete(path);
      throw error;
    }
    module.loaded = true;
    return module.exports;
  };

  const requireFrom = (base) => (specifier) => {
    if (typeof specifier !== "string") throw new TypeError("require() takes the name of a module, a string.");
    const [name, isCommonJs] = natives.find(base, specifier);
    if (isCommonJs) return load(name);
    const namespace = natives.importNow(name);
    return "default" in namespace ? namespace.default : namespace;
  };

  return load;
};
