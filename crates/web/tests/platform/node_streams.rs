//! `node:stream` and `node:zlib`.

use crate::harness::check;

#[test]
fn streams_give_what_they_are_given() {
    check(&[
        (
            "const { Readable } = await import('node:stream'); const seen = []; for await (const c of Readable.from(['a', 'b'])) seen.push(c); return seen",
            "a,b",
        ),
        (
            "const { Readable } = await import('node:stream'); const r = new Readable({ read() {} }); r.setEncoding('utf8'); r.push((await import('node:buffer')).Buffer.from([0xc3])); r.push((await import('node:buffer')).Buffer.from([0xa4])); r.push(null); return r.toArray()",
            "ä",
        ),
        (
            "const { Writable } = await import('node:stream'); const seen = []; const w = new Writable({ highWaterMark: 2, write(c, e, done) { seen.push(`${c}`); setTimeout(done, 1); } }); const room = [w.write('a'), w.write('b')]; await new Promise((r) => w.once('drain', r)); await new Promise((r) => w.end('c', r)); return [...room, ...seen, w.writableFinished]",
            "true,false,a,b,c,true",
        ),
        (
            "const { Transform, pipeline, Readable } = await import('node:stream'); const { text } = await import('node:stream/consumers'); const up = new Transform({ transform(c, e, done) { done(null, `${c}`.toUpperCase()); }, flush(done) { done(null, '!'); } }); return text(Readable.from(['a', 'b']).pipe(up))",
            "AB!",
        ),
        (
            "const { PassThrough } = await import('node:stream'); const s = new PassThrough(); s.end('x'); const seen = []; s.on('data', (c) => seen.push(`${c}`)).on('end', () => seen.push('end')); await new Promise((r) => s.on('close', r)); return [...seen, s.destroyed]",
            "x,end,true",
        ),
        (
            "const { Readable } = await import('node:stream'); return Readable.from([1, 2, 3, 4]).filter((n) => n % 2 === 0).map(async (n) => n * 10, { concurrency: 2 }).reduce((a, b) => a + b)",
            "60",
        ),
    ]);
}

#[test]
fn a_pipeline_ends_as_one() {
    check(&[
        (
            "const { pipeline } = await import('node:stream/promises'); const seen = []; const { Writable } = await import('node:stream'); await pipeline(['a', 'b'], async function* (source) { for await (const c of source) yield `${c}${c}`; }, new Writable({ write(c, e, done) { seen.push(`${c}`); done(); } })); return seen",
            "aa,bb",
        ),
        (
            "const { pipeline, PassThrough, Readable } = await import('node:stream'); const broken = new Readable({ read() { this.destroy(new Error('broken')); } }), last = new PassThrough(); const error = await new Promise((done) => pipeline(broken, last, done)); return [error.message, last.destroyed]",
            "broken,true",
        ),
        (
            "const { finished, Readable } = await import('node:stream'); const r = new Readable({ read() {} }); r.on('error', () => {}); const ended = new Promise((done) => finished(r, done)); r.destroy(); return (await ended).code",
            "ERR_STREAM_PREMATURE_CLOSE",
        ),
        (
            "const { Readable, addAbortSignal } = await import('node:stream'); const c = new AbortController(); const r = addAbortSignal(c.signal, new Readable({ read() {} })); setTimeout(() => c.abort(), 1); return r.toArray()",
            "AbortError: The operation was aborted",
        ),
    ]);
}

#[test]
fn streams_become_the_webs_and_back() {
    check(&[
        (
            "const { Readable } = await import('node:stream'); return new Response(Readable.toWeb(Readable.from([(await import('node:buffer')).Buffer.from('a'), (await import('node:buffer')).Buffer.from('b')]))).text()",
            "ab",
        ),
        (
            "const { Readable } = await import('node:stream'); return Readable.fromWeb(new Response('text').body).setEncoding('utf8').toArray()",
            "text",
        ),
        (
            "const { Writable } = await import('node:stream'); const t = new TextDecoderStream(); const w = Writable.fromWeb(t.writable); w.end('ok'); const r = t.readable.getReader(); return (await r.read()).value",
            "ok",
        ),
    ]);
}

#[test]
fn older_programs_inherit_without_new() {
    check(&[
        (
            "const { Hash, Hmac } = await import('node:crypto'); const { StringDecoder } = await import('node:string_decoder'); return [Hash('md5').update('a').digest('hex').slice(0, 4), Hmac('md5', 'k').update('a').digest('hex').length, StringDecoder('utf8').write(new Uint8Array([97]))]",
            "0cc1,32,a",
        ),
        (
            "const { Transform } = await import('node:stream'); const { inherits } = await import('node:util'); function Twice() { Transform.call(this); } inherits(Twice, Transform); Twice.prototype._transform = function (c, e, done) { this.push(c); done(null, c); }; const t = new Twice(); t.end('x'); return `${(await import('node:buffer')).Buffer.concat(await t.toArray())}`",
            "xx",
        ),
        (
            "const Emitter = (await import('node:events')).default; function Old() { Emitter.call(this); } Object.setPrototypeOf(Old.prototype, Emitter.prototype); const o = new Old(), seen = []; o.on('x', (v) => seen.push(v)); o.emit('x', 5); return [seen, o instanceof Emitter]",
            "5,true",
        ),
    ]);
}

#[test]
fn data_is_packed_and_unpacked() {
    let pairs = "[['gzip', 'gunzip'], ['deflate', 'inflate'], ['deflateRaw', 'inflateRaw'], ['gzip', 'unzip'], ['deflate', 'unzip'], ['brotliCompress', 'brotliDecompress']]";
    let code = format!(
        "const z = await import('node:zlib'); const text = 'some text '.repeat(99); const sync = (name, data) => z[name + 'Sync'](data); return {pairs}.every(([pack, unpack]) => sync(pack, text).length < 100 && `${{sync(unpack, sync(pack, text))}}` === text)"
    );
    check(&[(&code, "true")]);
}

#[test]
fn packing_streams_flush_and_end() {
    check(&[
        (
            "const z = await import('node:zlib'); const gzip = z.createGzip({ level: 9 }), gunzip = z.createGunzip(); const seen = []; gunzip.on('data', (c) => seen.push(`${c}`)); gzip.pipe(gunzip); gzip.write('first'); await new Promise((r) => gzip.flush(r)); await new Promise((r) => setTimeout(r, 1)); seen.push('|'); gzip.end('second'); await new Promise((r) => gunzip.on('end', r)); return seen.join('')",
            "first|second",
        ),
        (
            "const z = await import('node:zlib'); return `${z.gunzipSync((await import('node:buffer')).Buffer.concat([z.gzipSync('one '), z.gzipSync('two'), (await import('node:buffer')).Buffer.from([0, 0])]))}`",
            "one two",
        ),
        (
            "const z = await import('node:zlib'); const two = [...z.gzipSync('one '), ...z.gzipSync('two')]; const s = z.createGunzip().setEncoding('utf8'); for (const byte of two) s.write(Uint8Array.of(byte)); s.end(); return (await s.toArray()).join('')",
            "one two",
        ),
        (
            "const z = await import('node:zlib'); const s = z.createInflate().setEncoding('utf8'); s.write(z.deflateSync('text')); s.write('behind it'); return s.toArray()",
            "text",
        ),
        (
            "const z = await import('node:zlib'); const cut = z.deflateSync('x'.repeat(99)).subarray(0, -6); return `${z.inflateSync(cut, { finishFlush: z.constants.Z_SYNC_FLUSH })}`.length > 0",
            "true",
        ),
        (
            "const z = await import('node:zlib'); return new Promise((done) => z.inflate(new TextEncoder().encode('nothing'), (error) => done([error.code, error.errno, error.message])))",
            "Z_DATA_ERROR,-3,incorrect header check",
        ),
        (
            "const z = await import('node:zlib'); z.gunzipSync(z.gzipSync('x').subarray(0, 9))",
            "Error: unexpected end of file",
        ),
        (
            "const z = await import('node:zlib'); return z.gunzipSync(z.gzipSync('x'.repeat(100)), { maxOutputLength: 100 }).length",
            "100",
        ),
        (
            "const z = await import('node:zlib'); z.gunzipSync(z.gzipSync('x'.repeat(101)), { maxOutputLength: 100 })",
            "RangeError: Memory limit exceeded",
        ),
        (
            "const z = await import('node:zlib'); z.gzipSync('x', { level: 10 })",
            "RangeError: The value of \"options.level\" is out of range. It must be >= -1 and <= 9. Received 10",
        ),
        (
            "const z = await import('node:zlib'); return [z.crc32('123456789'), z.crc32('6789', z.crc32('12345'))]",
            "3421780262,3421780262",
        ),
    ]);
}
