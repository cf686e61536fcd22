// The client half of an R2 bucket: arguments are coerced and checked here, objects are dressed as JavaScript has them;
// everything else is the service's. The file is one function: it gets the natives of the cell and returns the class.
(natives) => {
  "use strict";

  const isObject = (value) => (typeof value === "object" && value !== null) || typeof value === "function";

  // An array, or a Python list as it is.
  const isIterable = (value) => isObject(value) && Symbol.iterator in value;

  // Options that are absent, undefined or null are no options.
  const options = (method, position, expected, value, owner = "R2Bucket") => {
    if (value === undefined || value === null) return {};
    if (isObject(value)) return value;
    throw new TypeError(
      `Failed to execute '${method}' on '${owner}': parameter ${position} is not of type '${expected}'.`,
    );
  };

  const wrongField = (owner, field, expected) => {
    throw new TypeError(
      `Incorrect type for the '${field}' field on '${owner}': the provided value is not of type '${expected}'.`,
    );
  };

  const text = (owner, field, value) => {
    if (value === undefined || typeof value === "string") return value;
    return wrongField(owner, field, "string");
  };

  // A field that is an object, or as good as absent.
  const structure = (owner, field, expected, value) => {
    if (value === undefined || value === null) return undefined;
    return isObject(value) ? value : wrongField(owner, field, expected);
  };

  const milliseconds = (owner, field, value) => {
    if (value === undefined) return undefined;
    const time = value instanceof Date ? value.getTime() : value;
    return typeof time === "number" && Number.isFinite(time) ? time : wrongField(owner, field, "date");
  };

  // Hexadecimal.

  const fromHex = (hex) => Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));

  const bytesOf = (value) => {
    if (value instanceof ArrayBuffer) return Array.from(new Uint8Array(value));
    return Array.from(new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
  };

  const HASHES = [
    ["md5", "MD5", 16],
    ["sha1", "SHA-1", 20],
    ["sha256", "SHA-256", 32],
    ["sha384", "SHA-384", 48],
    ["sha512", "SHA-512", 64],
  ];

  const readHash = (name, title, size, value) => {
    if (typeof value === "string") {
      if (value.length !== 2 * size) {
        throw new TypeError(`${title} is ${2 * size} hex characters, not ${value.length}`);
      }
      if (!/^[0-9a-f]*$/i.test(value)) throw new TypeError(`Provided ${title} wasn't a valid hex string`);
      return fromHex(value);
    }
    if (!natives.isBuffer(value)) wrongField("PutOptions", name, "ArrayBuffer or ArrayBufferView or string");
    const bytes = bytesOf(value);
    if (bytes.length !== size) throw new TypeError(`${title} is ${size} bytes, not ${bytes.length}`);
    return bytes;
  };

  const checksum = (given) => {
    const hashes = HASHES.filter(([name]) => given[name] !== undefined && given[name] !== null);
    if (hashes.length > 1) throw new TypeError("You cannot specify multiple hashing algorithms.");
    if (hashes.length === 0) return undefined;
    const [[name, title, size]] = hashes;
    return [name, readHash(name, title, size, given[name])];
  };

  const customerKey = (owner, value) => {
    if (value === undefined || value === null) return undefined;
    if (typeof value === "string") {
      if (!/^[0-9a-f]{64}$/.test(value)) throw new Error("SSE-C Key has invalid format");
      return fromHex(value);
    }
    if (!natives.isBuffer(value)) wrongField(owner, "ssecKey", "ArrayBuffer or ArrayBufferView or string");
    const bytes = bytesOf(value);
    if (bytes.length !== 32) throw new Error("SSE-C Key must be 32 bytes in length");
    return bytes;
  };

  // Conditions.

  const singleEtag = (field, value) => {
    const etag = text("Conditional", field, value);
    if (etag === undefined) return undefined;
    if (etag === "*") return ["wildcard"];
    if (etag.length > 1 && etag.startsWith('"') && etag.endsWith('"')) {
      throw new TypeError(`Conditional ETag should not be wrapped in quotes (${etag}).`);
    }
    return [{ strong: etag }];
  };

  // The list of an If-Match or If-None-Match header (RFC 9110, 13.1), with R2's words for what is wrong in it.
  const etagList = (name, header) => {
    if (header === null) return undefined;
    const etags = [];
    let rest = header.trim();
    while (rest !== "") {
      const [etag, length] = etagAt(name, rest);
      etags.push(etag);
      rest = rest.slice(length).trimStart();
      if (rest === "") break;
      if (!rest.startsWith(",")) {
        throw new Error("Comma was expected to separate etags. Perhaps you forgot to quote your etag?");
      }
      rest = rest.slice(1).trimStart();
    }
    if (etags.length === 0) throw new Error(`Invalid ETag in ${name} header`);
    return etags;
  };

  const etagAt = (name, rest) => {
    if (rest.startsWith("*")) return ["wildcard", 1];
    const weak = rest.startsWith("W");
    if (weak && !rest.startsWith('W/"')) {
      throw new Error("Weak etags must start with W/ and their value must be quoted");
    }
    const start = weak ? 3 : 1;
    if (!weak && !rest.startsWith('"')) throw new Error(`Invalid ETag in ${name} header`);
    const end = rest.indexOf('"', start);
    if (end === -1) throw new Error("Unclosed double quote for Etag");
    const value = rest.slice(start, end);
    return [weak ? { weak: value } : { strong: value }, end + 1];
  };

  const headerTime = (header) => {
    const time = header === null ? Number.NaN : Date.parse(header);
    return Number.isNaN(time) ? undefined : time;
  };

  const condition = (owner, given) => {
    const value = structure(owner, "onlyIf", "Conditional or Headers", given);
    if (value === undefined) return undefined;
    if (value instanceof Headers) {
      return {
        etagMatches: etagList("if-match", value.get("if-match")),
        etagDoesNotMatch: etagList("if-none-match", value.get("if-none-match")),
        uploadedAfter: headerTime(value.get("if-modified-since")),
        uploadedBefore: headerTime(value.get("if-unmodified-since")),
        secondsGranularity: true,
      };
    }
    return {
      etagMatches: singleEtag("etagMatches", value.etagMatches),
      etagDoesNotMatch: singleEtag("etagDoesNotMatch", value.etagDoesNotMatch),
      uploadedBefore: milliseconds("Conditional", "uploadedBefore", value.uploadedBefore),
      uploadedAfter: milliseconds("Conditional", "uploadedAfter", value.uploadedAfter),
      secondsGranularity: Boolean(value.secondsGranularity),
    };
  };

  // Ranges.

  const rangeNumber = (what, name, value) => {
    if (value === undefined) return undefined;
    const number = Number(value);
    if (!Number.isInteger(number)) {
      throw new RangeError(`${what} ${name} (${number}) must be an integer, not floating point.`);
    }
    if (number < 0) throw new RangeError(`${what} ${name} (${number}) must be greater than or equal to 0.`);
    return number;
  };

  const range = (given) => {
    const value = structure("GetOptions", "range", "Range or Headers", given);
    if (value === undefined) return undefined;
    if (value instanceof Headers) {
      const header = value.get("range");
      return header === null ? undefined : { header };
    }
    const { offset, length, suffix } = value;
    if (suffix !== undefined) {
      if (offset !== undefined) throw new TypeError("Suffix is incompatible with offset.");
      if (length !== undefined) throw new TypeError("Suffix is incompatible with length.");
      return { suffix: rangeNumber("Invalid suffix.", "Suffix", suffix) };
    }
    if (offset === undefined && length === undefined) return undefined;
    return {
      from: {
        offset: rangeNumber("Invalid range.", "Starting offset", offset),
        length: rangeNumber("Invalid range.", "Length", length),
      },
    };
  };

  // Metadata.

  const HTTP_FIELDS = [
    ["contentType", "content-type"],
    ["contentLanguage", "content-language"],
    ["contentDisposition", "content-disposition"],
    ["contentEncoding", "content-encoding"],
    ["cacheControl", "cache-control"],
  ];

  const httpMetadata = (owner, given) => {
    const value = structure(owner, "httpMetadata", "HttpMetadata or Headers", given) ?? {};
    const metadata = {};
    if (value instanceof Headers) {
      for (const [field, header] of HTTP_FIELDS) metadata[field] = value.get(header) ?? undefined;
      metadata.cacheExpiry = headerTime(value.get("expires"));
      return metadata;
    }
    for (const [field] of HTTP_FIELDS) {
      if (value[field] !== undefined) metadata[field] = String(value[field]);
    }
    const expiry = milliseconds("HttpMetadata", "cacheExpiry", value.cacheExpiry);
    if (expiry !== undefined) metadata.cacheExpiry = Math.trunc(expiry);
    return metadata;
  };

  const customMetadata = (owner, given) =>
    Object.entries(structure(owner, "customMetadata", "object", given) ?? {}).map(([name, value]) => [name, `${value}`]);

  const properties = (owner, given) => ({
    httpMetadata: httpMetadata(owner, given.httpMetadata),
    customMetadata: customMetadata(owner, given.customMetadata),
    storageClass: given.storageClass === undefined || given.storageClass === null ? undefined : `${given.storageClass}`,
    ssecKey: customerKey(owner, given.ssecKey),
  });

  // Objects.

  // Most are never looked at, so that they are made when they are.
  class R2Checksums {
    #digests;

    static {
      for (const [name] of HASHES) {
        const get = function () {
          const hex = this.#digests[name];
          return hex === undefined ? undefined : Uint8Array.from(fromHex(hex)).buffer;
        };
        Object.defineProperty(this.prototype, name, { get, enumerable: true, configurable: true });
      }
    }

    constructor(digests) {
      this.#digests = digests;
    }

    toJSON() {
      return { ...this.#digests };
    }
  }

  const dressedHttpMetadata = (metadata, cacheExpiry) => {
    if (cacheExpiry !== null) metadata.cacheExpiry = new Date(cacheExpiry);
    return metadata;
  };

  class HeadResult {
    // The fields come in the order of the natives' `fields`.
    constructor(fields) {
      this.key = fields[0];
      this.version = fields[1];
      this.size = fields[2];
      this.etag = fields[3];
      this.httpEtag = `"${fields[3]}"`;
      this.uploaded = new Date(fields[4]);
      this.checksums = new R2Checksums(fields[5]);
      this.httpMetadata = fields[6] === null ? undefined : dressedHttpMetadata(fields[6], fields[7]);
      this.customMetadata = fields[8] ?? undefined;
      this.range = fields[9] === null ? undefined : { offset: fields[9][0], length: fields[9][1] };
      this.storageClass = fields[10];
      this.ssecKeyMd5 = fields[11] ?? undefined;
    }

    writeHttpMetadata(headers) {
      if (this.httpMetadata === undefined) {
        throw new TypeError(
          `HTTP metadata unknown for key \`${this.key}\`. Did you forget to add 'httpMetadata' to \`include\` when listing?`,
        );
      }
      for (const [field, header] of HTTP_FIELDS) {
        if (this.httpMetadata[field] !== undefined) headers.set(header, this.httpMetadata[field]);
      }
      const { cacheExpiry } = this.httpMetadata;
      if (cacheExpiry !== undefined) headers.set("expires", cacheExpiry.toUTCString());
    }
  }

  // What has been read already.
  const spent = () => {
    const response = new Response("");
    response.text();
    return response;
  };

  // An object with its content, which is read once: as it came, or as the stream that `body` has become.
  class GetResult extends HeadResult {
    #content;
    #response;

    constructor(fields, content) {
      super(fields);
      this.#content = content;
    }

    #takeContent() {
      const content = this.#content;
      this.#content = undefined;
      if (content === undefined) {
        throw new TypeError(
          "Body has already been used. It can only be used once. Use tee() first if you need to read it twice.",
        );
      }
      return content;
    }

    get body() {
      this.#response ??= this.#content === undefined ? spent() : new Response(natives.readStream(this.#takeContent()));
      return this.#response.body;
    }

    get bodyUsed() {
      return this.#response === undefined ? this.#content === undefined : this.#response.bodyUsed;
    }

    async arrayBuffer() {
      return this.#response?.arrayBuffer() ?? natives.readArrayBuffer(this.#takeContent());
    }

    async bytes() {
      return new Uint8Array(await this.arrayBuffer());
    }

    async text() {
      return this.#response?.text() ?? natives.readText(this.#takeContent());
    }

    async json() {
      return JSON.parse(await this.text());
    }

    async blob() {
      return new Blob([await this.arrayBuffer()], { type: this.httpMetadata.contentType ?? "" });
    }
  }

  const dressed = (fields) => (fields === null ? null : new HeadResult(fields));

  // Contents.

  const isStorable = (value) =>
    typeof value === "string" || natives.isBuffer(value) || value instanceof Blob || value instanceof ReadableStream;

  const storable = (method, owner, position, value) => {
    if (value === undefined || value === null) return "";
    if (isStorable(value)) return value;
    throw new TypeError(
      `Failed to execute '${method}' on '${owner}': parameter ${position} is not of type ` +
        "'JsReadableStream or ArrayBuffer or ArrayBufferView or string or Blob'.",
    );
  };

  const keyOf = (key) => String(key).toWellFormed();

  // Multipart uploads.

  const PARTS_MAX = 10000;

  const partNumber = (value) => {
    const number = Number(value);
    if (Number.isInteger(number) && number >= 1 && number <= PARTS_MAX) return number;
    throw new TypeError(
      `Part number must be between 1 and ${PARTS_MAX} (inclusive). Actual value was: ${String(value)}`,
    );
  };

  class R2MultipartUpload {
    #cap;

    constructor(cap, key, uploadId) {
      this.#cap = cap;
      this.key = key;
      this.uploadId = uploadId;
    }

    get #upload() {
      return { key: this.key, uploadId: this.uploadId };
    }

    async uploadPart(number, value, partOptions) {
      const given = options("uploadPart", 3, "UploadPartOptions", partOptions, "R2MultipartUpload");
      const params = {
        upload: this.#upload,
        partNumber: partNumber(number),
        ssecKey: customerKey("UploadPartOptions", given.ssecKey),
      };
      const content = storable("uploadPart", "R2MultipartUpload", 2, value);
      const etag = await natives.uploadPart(this.#cap, JSON.stringify(params), content);
      return { partNumber: params.partNumber, etag };
    }

    async complete(parts) {
      if (!isIterable(parts)) {
        throw new TypeError(
          "Failed to execute 'complete' on 'R2MultipartUpload': parameter 1 is not of type 'Array'.",
        );
      }
      const list = Array.from(parts, ({ partNumber: number, etag }) => ({
        partNumber: partNumber(number),
        etag: String(etag),
      }));
      const params = JSON.stringify(this.#upload);
      return dressed(await natives.completeUpload(this.#cap, params, JSON.stringify(list)));
    }

    async abort() {
      await natives.abortUpload(this.#cap, JSON.stringify(this.#upload));
    }
  }

  const ALL = ["httpMetadata", "customMetadata"];

  const included = (value) => {
    // Before the flag, both kinds come whatever is asked for.
    if (globalThis.Cloudflare?.compatibilityFlags?.r2_list_honor_include === false) return ALL;
    if (value === undefined || value === null) return [];
    if (!isIterable(value)) wrongField("ListOptions", "include", "Array");
    const include = Array.from(value, String);
    const wrong = include.find((name) => !ALL.includes(name));
    if (wrong !== undefined) throw new RangeError(`Unsupported include value ${wrong}`);
    return include;
  };

  class R2Bucket {
    #cap;

    constructor(cap) {
      this.#cap = cap;
    }

    async head(key) {
      return dressed(await natives.head(this.#cap, JSON.stringify({ key: keyOf(key) })));
    }

    async get(key, getOptions) {
      const given = options("get", 2, "GetOptions", getOptions);
      const params = {
        key: keyOf(key),
        onlyIf: condition("GetOptions", given.onlyIf),
        range: range(given.range),
        ssecKey: customerKey("GetOptions", given.ssecKey),
      };
      const got = await natives.get(this.#cap, JSON.stringify(params));
      if (got === null) return null;
      return got.content === undefined ? new HeadResult(got.fields) : new GetResult(got.fields, got.content);
    }

    async put(key, value, putOptions) {
      const given = options("put", 3, "PutOptions", putOptions);
      const params = {
        key: keyOf(key),
        onlyIf: condition("PutOptions", given.onlyIf),
        properties: properties("PutOptions", given),
        checksum: checksum(given),
      };
      const content = storable("put", "R2Bucket", 2, value);
      return dressed(await natives.put(this.#cap, JSON.stringify(params), content));
    }

    async delete(keys) {
      const list = Array.isArray(keys) ? keys : [keys];
      await natives.delete(this.#cap, "{}", JSON.stringify(list.map(keyOf)));
    }

    async list(listOptions) {
      const given = options("list", 1, "ListOptions", listOptions);
      const field = (name) => text("ListOptions", name, given[name]);
      const include = included(given.include);
      const limit = given.limit === undefined ? undefined : Math.trunc(Number(given.limit));
      const params = {
        limit: Number.isNaN(limit) ? 0 : limit,
        prefix: field("prefix"),
        cursor: field("cursor"),
        delimiter: field("delimiter"),
        startAfter: field("startAfter"),
      };
      const [http, custom] = ALL.map((name) => include.includes(name));
      const page = await natives.list(this.#cap, JSON.stringify(params), http, custom);
      const [objects, delimitedPrefixes, cursor] = page;
      const listed = { objects: objects.map(dressed), truncated: cursor !== null, delimitedPrefixes };
      if (cursor !== null) listed.cursor = cursor;
      return listed;
    }

    async createMultipartUpload(key, uploadOptions) {
      const given = options("createMultipartUpload", 2, "MultipartOptions", uploadOptions);
      const params = { key: keyOf(key), properties: properties("MultipartOptions", given) };
      const uploadId = await natives.createUpload(this.#cap, JSON.stringify(params));
      return new R2MultipartUpload(this.#cap, params.key, uploadId);
    }

    resumeMultipartUpload(key, uploadId) {
      return new R2MultipartUpload(this.#cap, keyOf(key), String(uploadId));
    }

    get [Symbol.toStringTag]() {
      return "R2Bucket";
    }

    get [Symbol.for("hognose.unserializable")]() {
      return "An R2 bucket binding cannot be serialized.";
    }
  }

  return R2Bucket;
};
