// The client half of Images: the steps that a Worker asks for are gathered here and sent together with the images. The
// names of the classes are workerd's, since the SDK goes by them. The file is one function: it gets the natives of the cell
// and returns the class.
(natives) => {
  "use strict";

  class ImagesErrorImpl extends Error {
    constructor(message, code) {
      super(message);
      this.code = code;
    }
  }

  const CONSUMED =
    "IMAGES_TRANSFORM_ERROR 9525: ImageTransformer consumed; you may only call .output() or draw a transformer once";

  /** What the service says went wrong, with Cloudflare's number of it. */
  const coded = (error) => {
    const code = /^IMAGES_[A-Z]+_ERROR (\d+)/.exec(error?.message ?? "");
    return code ? new ImagesErrorImpl(error.message, Number(code[1])) : error;
  };

  const streamOf = (source) => (source instanceof ReadableStream ? source : new Response(source).body);

  /** The bytes of each source one after the other, and how many of them are whose. */
  const gather = async (sources) => {
    const parts = await Promise.all(sources.map(({ stream }) => new Response(stream).bytes()));
    const lengths = parts.map((part, index) => [part.byteLength, sources[index].isBase64]);
    const all = parts.length === 1 ? parts[0] : new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0));
    if (parts.length > 1) {
      let offset = 0;
      for (const part of parts) {
        all.set(part, offset);
        offset += part.byteLength;
      }
    }
    return [all, JSON.stringify(lengths)];
  };

  const source = (stream, options) => {
    if (!(stream instanceof ReadableStream)) {
      throw new TypeError("Images are given as ReadableStreams: new Blob([bytes]).stream(), or a body.");
    }
    return { stream, isBase64: options?.encoding === "base64" };
  };

  /** Takes bytes as they come and gives their Base64, of whole groups of three. */
  const base64Encoder = () => {
    let rest = new Uint8Array();
    const encoded = (bytes) => {
      let binary = "";
      for (let at = 0; at < bytes.length; at += 8190) binary += String.fromCharCode(...bytes.subarray(at, at + 8190));
      return new TextEncoder().encode(btoa(binary));
    };
    return new TransformStream({
      transform(chunk, controller) {
        const bytes = new Uint8Array(rest.length + chunk.length);
        bytes.set(rest);
        bytes.set(chunk, rest.length);
        const whole = bytes.length - (bytes.length % 3);
        rest = bytes.slice(whole);
        if (whole > 0) controller.enqueue(encoded(bytes.subarray(0, whole)));
      },
      flush(controller) {
        if (rest.length > 0) controller.enqueue(encoded(rest));
      },
    });
  };

  class TransformationResultImpl {
    #contentType;
    #body;

    constructor(contentType, body) {
      this.#contentType = contentType;
      this.#body = body;
    }

    contentType() {
      return this.#contentType;
    }

    image(options) {
      const stream = streamOf(natives.readStream(this.#body));
      return options?.encoding === "base64" ? stream.pipeThrough(base64Encoder()) : stream;
    }

    response(options) {
      const headers = new Headers(options?.headers);
      headers.set("content-type", this.#contentType);
      return new Response(natives.readStream(this.#body), { headers });
    }
  }

  class ImageTransformerImpl {
    #cap;
    #source;
    #steps = [];
    #isConsumed = false;

    constructor(cap, source) {
      this.#cap = cap;
      this.#source = source;
    }

    transform(transform) {
      this.#steps.push({ transform });
      return this;
    }

    draw(image, options = {}) {
      const drawn = image instanceof ImageTransformerImpl ? image : new ImageTransformerImpl(this.#cap, source(image));
      drawn.#consume();
      this.#steps.push({ drawn, options });
      return this;
    }

    async output(options) {
      this.#consume();
      const sources = [this.#source];
      const steps = [];
      this.#flatten(0, sources, steps);
      const [bytes, lengths] = await gather(sources);
      const output = JSON.stringify(options ?? {});
      try {
        const [type, body] = await natives.transform(this.#cap, bytes, lengths, JSON.stringify(steps), output);
        return new TransformationResultImpl(type, body);
      } catch (error) {
        throw coded(error);
      }
    }

    #consume() {
      if (this.#isConsumed) throw new ImagesErrorImpl(CONSUMED, 9525);
      this.#isConsumed = true;
    }

    /** All steps in the order in which they happen, those of an image before it is drawn. */
    #flatten(index, sources, steps) {
      for (const { transform, drawn, options } of this.#steps) {
        if (drawn === undefined) {
          steps.push({ ...transform, imageIndex: index });
          continue;
        }
        const drawImageIndex = sources.push(drawn.#source) - 1;
        drawn.#flatten(drawImageIndex, sources, steps);
        steps.push({ ...options, drawImageIndex, targetImageIndex: index });
      }
    }
  }

  const HOSTED = "Images that Cloudflare hosts are not there; hognose only reads and transforms those that it is given.";

  class HostedImagesBindingImpl {
    image() {
      throw new ImagesErrorImpl(HOSTED, 9523);
    }

    async upload() {
      throw new ImagesErrorImpl(HOSTED, 9523);
    }

    async list() {
      throw new ImagesErrorImpl(HOSTED, 9523);
    }

    async createDirectUpload() {
      throw new ImagesErrorImpl(HOSTED, 9523);
    }
  }

  class ImagesBindingImpl {
    #cap;
    #hosted = new HostedImagesBindingImpl();

    constructor(cap) {
      this.#cap = cap;
    }

    get hosted() {
      return this.#hosted;
    }

    async info(stream, options) {
      const [bytes, lengths] = await gather([source(stream, options)]);
      try {
        return await natives.info(this.#cap, bytes, lengths);
      } catch (error) {
        throw coded(error);
      }
    }

    input(stream, options) {
      return new ImageTransformerImpl(this.#cap, source(stream, options));
    }

    text() {
      throw new ImagesErrorImpl("IMAGES_TRANSFORM_ERROR 9523: hognose does not draw text.", 9523);
    }

    get [Symbol.for("hognose.unserializable")]() {
      return "An Images binding cannot be serialized.";
    }
  }

  return ImagesBindingImpl;
};
