// Node's older classes are functions, which programs also call without `new`: to inherit from them, or out of habit.

/**
 * The class, callable as a function. Called on an object that inherits from it, it runs `initialize` on that, which does
 * what the constructor does; called on anything else, it makes an instance.
 */
export function callable(Class, initialize = () => {}) {
  return new Proxy(Class, {
    apply(_, self, args) {
      if (!(self instanceof Class)) return new Class(...args);
      initialize.apply(self, args);
      return undefined;
    },
  });
}
