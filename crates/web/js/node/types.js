// What kind of object a value is, whatever its prototype says: https://nodejs.org/api/util.html#utiltypes

const TypedArray = Object.getPrototypeOf(Uint8Array);
const getter = (prototype, name) => Object.getOwnPropertyDescriptor(prototype, name).get;
const typedArrayName = getter(TypedArray.prototype, Symbol.toStringTag);

// A function that throws unless its receiver is what it asks for.
const answers = (probe) => (value) => {
  try {
    probe.call(value);
    return true;
  } catch {
    return false;
  }
};

const isObject = (value) => (typeof value === "object" && value !== null) || typeof value === "function";
const tag = (value) => Object.prototype.toString.call(value);

const isBoxed = [Number, String, Boolean, Symbol, BigInt].map((type) => answers(type.prototype.valueOf));

/** A test for each brand that comparisons and `util.types` ask for. */
const BRANDS = {
  AnyArrayBuffer: (value) => BRANDS.ArrayBuffer(value) || BRANDS.SharedArrayBuffer(value),
  Array: Array.isArray,
  ArrayBuffer: answers(getter(ArrayBuffer.prototype, "byteLength")),
  BoxedPrimitive: (value) => isObject(value) && isBoxed.some((test) => test(value)),
  DataView: (value) => ArrayBuffer.isView(value) && !BRANDS.TypedArray(value),
  Date: answers(Date.prototype.getTime),
  Error: (value) => Error.isError?.(value) ?? value instanceof Error,
  Function: (value) => typeof value === "function",
  Map: answers(getter(Map.prototype, "size")),
  Promise: (value) => tag(value) === "[object Promise]" && value instanceof Promise,
  RegExp: (value) => isObject(value) && value instanceof RegExp,
  Set: answers(getter(Set.prototype, "size")),
  SharedArrayBuffer: (value) => tag(value) === "[object SharedArrayBuffer]",
  TypedArray: (value) => typedArrayName.call(value) !== undefined,
  WeakMap: answers(function probe() { WeakMap.prototype.has.call(this, this); }),
  WeakSet: answers(function probe() { WeakSet.prototype.has.call(this, this); }),
};

/** Whether a value is an object of this kind. */
export function hasBrand(value, brand) {
  return isObject(value) && BRANDS[brand](value);
}

const isTypedArrayOf = (name) => (value) => isObject(value) && typedArrayName.call(value) === name;
const isTagged = (name) => (value) => isObject(value) && tag(value) === `[object ${name}]`;

/** `util.types`. */
export const types = {
  isAnyArrayBuffer: (value) => hasBrand(value, "AnyArrayBuffer"),
  isArrayBuffer: (value) => hasBrand(value, "ArrayBuffer"),
  isArrayBufferView: ArrayBuffer.isView,
  isArgumentsObject: isTagged("Arguments"),
  isAsyncFunction: isTagged("AsyncFunction"),
  isBigInt64Array: isTypedArrayOf("BigInt64Array"),
  isBigUint64Array: isTypedArrayOf("BigUint64Array"),
  isBoxedPrimitive: (value) => hasBrand(value, "BoxedPrimitive"),
  isDataView: (value) => hasBrand(value, "DataView"),
  isDate: (value) => hasBrand(value, "Date"),
  isFloat32Array: isTypedArrayOf("Float32Array"),
  isFloat64Array: isTypedArrayOf("Float64Array"),
  isGeneratorFunction: (value) => isTagged("GeneratorFunction")(value) || isTagged("AsyncGeneratorFunction")(value),
  isGeneratorObject: isTagged("Generator"),
  isInt16Array: isTypedArrayOf("Int16Array"),
  isInt32Array: isTypedArrayOf("Int32Array"),
  isInt8Array: isTypedArrayOf("Int8Array"),
  isMap: (value) => hasBrand(value, "Map"),
  isMapIterator: isTagged("Map Iterator"),
  isNativeError: (value) => hasBrand(value, "Error"),
  isPromise: (value) => hasBrand(value, "Promise"),
  isRegExp: (value) => hasBrand(value, "RegExp"),
  isSet: (value) => hasBrand(value, "Set"),
  isSetIterator: isTagged("Set Iterator"),
  isSharedArrayBuffer: (value) => hasBrand(value, "SharedArrayBuffer"),
  isTypedArray: (value) => hasBrand(value, "TypedArray"),
  isUint16Array: isTypedArrayOf("Uint16Array"),
  isUint32Array: isTypedArrayOf("Uint32Array"),
  isUint8Array: isTypedArrayOf("Uint8Array"),
  isUint8ClampedArray: isTypedArrayOf("Uint8ClampedArray"),
  isWeakMap: (value) => hasBrand(value, "WeakMap"),
  isWeakSet: (value) => hasBrand(value, "WeakSet"),
};

export default types;
