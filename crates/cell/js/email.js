// Email: the message that a handler gets, the class of messages that a Worker makes, and the binding that sends them.
// The file is one function: it gets the natives of the cell.
(natives) => {
  "use strict";

  /** A message as a Worker writes it. */
  class EmailMessage {
    constructor(from, to, raw) {
      if (typeof from !== "string" || typeof to !== "string") {
        throw new TypeError("EmailMessage takes the addresses of sender and recipient.");
      }
      Object.assign(this, { from, to, raw });
    }
  }

  const bytesOf = async (raw) => new Uint8Array(await new Response(raw).arrayBuffer());

  const send = async (cap, from, to, isOwn, message) => {
    const { messageId, file } = await natives.send(cap, from, to, isOwn, message);
    console.info(`A message from ${from} to ${to.join(", ") || "the binding's recipient"} was kept in ${file}`);
    return { messageId };
  };

  // --- Messages from their parts -----------------------------------------------------------------------------------

  const CRLF = "\r\n";
  const encoder = new TextEncoder();

  const base64 = (bytes) => {
    let text = "";
    for (let start = 0; start < bytes.length; start += 8190) {
      text += btoa(String.fromCharCode(...bytes.subarray(start, start + 8190)));
    }
    return text.replace(/.{76}/g, `$&${CRLF}`);
  };

  // RFC 2047, where a value is not plain; a break within one would begin another header.
  const headerText = (text) => {
    const plain = String(text).replace(/[\r\n]+/g, " ");
    return /^[\x20-\x7e]*$/.test(plain) ? plain : `=?utf-8?B?${btoa(String.fromCharCode(...encoder.encode(plain)))}?=`;
  };

  const addressOf = (value) => (typeof value === "string" ? value : value.email);

  const shownAddress = (value) =>
    typeof value === "string" || !value.name ? headerText(addressOf(value)) : `${headerText(value.name)} <${headerText(value.email)}>`;

  const listed = (value) => (value === undefined || value === null ? [] : [value].flat());

  const textPart = (type, text) =>
    [`Content-Type: ${type}; charset=utf-8`, "Content-Transfer-Encoding: base64", "", base64(encoder.encode(text))].join(CRLF);

  const attachmentPart = ({ disposition = "attachment", contentId, filename, type, content }) => {
    const bytes = typeof content === "string" ? undefined : new Uint8Array(content.buffer ?? content);
    const lines = [
      `Content-Type: ${headerText(type)}; name="${headerText(filename)}"`,
      `Content-Disposition: ${disposition}; filename="${headerText(filename)}"`,
      "Content-Transfer-Encoding: base64",
    ];
    if (contentId) lines.push(`Content-ID: <${headerText(contentId)}>`);
    return [...lines, "", bytes === undefined ? content : base64(bytes)].join(CRLF);
  };

  const multipart = (kind, parts) => {
    if (parts.length === 1) return parts[0];
    const boundary = `=_${crypto.randomUUID()}`;
    const body = parts.map((part) => `--${boundary}${CRLF}${part}${CRLF}`).join("");
    return `Content-Type: multipart/${kind}; boundary="${boundary}"${CRLF}${CRLF}${body}--${boundary}--${CRLF}`;
  };

  // A message as RFC 5322 has it, from what the builder's form says.
  const compose = (parts, more = {}) => {
    const { from, to, cc, replyTo, subject, text, html, headers = {}, attachments = [] } = parts;
    const domain = addressOf(from).split("@")[1] ?? "localhost";
    const fields = {
      From: shownAddress(from),
      To: listed(to).map(shownAddress).join(", "),
      Cc: listed(cc).map(shownAddress).join(", "),
      "Reply-To": replyTo && shownAddress(replyTo),
      Subject: headerText(subject ?? ""),
      Date: new Date().toUTCString(),
      "Message-ID": `<${crypto.randomUUID()}@${domain}>`,
      "MIME-Version": "1.0",
      ...more,
      ...headers,
    };
    const head = Object.entries(fields).filter(([, value]) => value);
    const written = [[text, "text/plain"], [html, "text/html"]].filter(([content]) => content !== undefined);
    if (written.length === 0) throw new TypeError("A message needs a text or html.");
    const body = multipart("alternative", written.map(([content, type]) => textPart(type, content)));
    const whole = multipart("mixed", [body, ...attachments.map(attachmentPart)]);
    return encoder.encode(head.map(([name, value]) => `${name}: ${value}${CRLF}`).join("") + whole);
  };

  // Sends what a Worker wrote, in either form.
  const sendOwn = async (cap, message, more) => {
    if (message instanceof EmailMessage) {
      return send(cap, message.from, [message.to], true, await bytesOf(message.raw));
    }
    const to = [message.to, message.cc, message.bcc].flatMap(listed).map(addressOf);
    return send(cap, addressOf(message.from), to, true, compose(message, more));
  };

  /** The binding. The SDK knows it by this name. */
  const Sender = class Fetcher {
    #cap;

    constructor(cap) {
      this.#cap = cap;
    }

    send(message) {
      return sendOwn(this.#cap, message);
    }
  };

  // --- Messages that come ------------------------------------------------------------------------------------------

  const headersOf = (raw) => {
    const text = new TextDecoder().decode(raw).split(/\r?\n\r?\n/, 1)[0];
    const lines = text.replace(/\r?\n[ \t]+/g, " ").split(/\r?\n/);
    const fields = lines.map((line) => /^([^:\s]+):\s*(.*)$/.exec(line)).filter(Boolean);
    return new Headers(fields.map(([, name, value]) => [name, value]));
  };

  class ForwardableEmailMessage {
    #cap;
    #bytes;
    #decided;

    constructor(decided, { through, from, to }, bytes) {
      this.#cap = through;
      this.#bytes = bytes;
      this.#decided = decided;
      this.from = from;
      this.to = to;
      this.headers = headersOf(bytes);
      this.raw = new Response(bytes).body;
      this.rawSize = bytes.byteLength;
    }

    setReject(reason) {
      this.#decided.rejected = String(reason);
    }

    forward(recipient, headers) {
      const added = headers === undefined ? [] : [...new Headers(headers)];
      const wrong = added.find(([name]) => !name.toLowerCase().startsWith("x-"));
      if (wrong !== undefined) return Promise.reject(new Error(`Only X-* headers can be added, not ${wrong[0]}`));
      const head = encoder.encode(added.map(([name, value]) => `${name}: ${headerText(value)}${CRLF}`).join(""));
      const message = new Uint8Array(head.length + this.#bytes.length);
      message.set(head);
      message.set(this.#bytes, head.length);
      return send(this.#cap, this.from, [String(recipient)], false, message);
    }

    async reply(message) {
      const original = this.headers.get("message-id");
      return sendOwn(this.#cap, message, { "In-Reply-To": original, References: original });
    }
  }

  const makeMessage = (delivery, bytes) => {
    const decided = { rejected: null };
    const report = (failed) => JSON.stringify({ ...decided, failed });
    return [new ForwardableEmailMessage(decided, delivery, new Uint8Array(bytes)), report];
  };

  return { EmailMessage, Sender, makeMessage };
};
