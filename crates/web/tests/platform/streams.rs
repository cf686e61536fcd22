//! The Streams standard, and Cloudflare's additions to it.

use crate::harness::{check, check_after};

#[test]
fn readable_streams_are_read() {
    check(&[
        (
            "const s = new ReadableStream({ start(c) { c.enqueue(1); c.enqueue(2); c.close() } }); const seen = []; for await (const x of s) seen.push(x); return [seen, s.locked]",
            "1,2,false",
        ),
        (
            "let n = 0; const s = new ReadableStream({ pull(c) { c.enqueue(n++); if (n === 3) c.close() } }); const r = s.getReader(); return JSON.stringify([await r.read(), await r.read(), await r.read(), await r.read()])",
            r#"[{"value":0,"done":false},{"value":1,"done":false},{"value":2,"done":false},{"done":true}]"#,
        ),
        (
            "let pulls = 0; const s = new ReadableStream({ pull() { pulls += 1 } }, { highWaterMark: 0 }); await scheduler.wait(1); const before = pulls; s.getReader().read(); await scheduler.wait(1); return [before, pulls]",
            "0,1",
        ),
        (
            "const s = new ReadableStream({ pull() { throw new Error('bad') } }); return s.getReader().read()",
            "Error: bad",
        ),
        ("new ReadableStream({ start() { throw new Error('now') } })", "Error: now"),
        (
            "const s = new ReadableStream({ async start() { throw new Error('later') } }); return s.getReader().closed",
            "Error: later",
        ),
        (
            "let why; const s = new ReadableStream({ cancel(r) { why = r } }); await s.cancel('x'); return [why, (await s.getReader().read()).done]",
            "x,true",
        ),
        (
            "const s = new ReadableStream(); s.getReader(); s.getReader()",
            "TypeError: This ReadableStream is currently locked to a reader.",
        ),
        (
            "const s = new ReadableStream(); const r = s.getReader(); const p = r.read(); r.releaseLock(); return p",
            "TypeError: This ReadableStream reader has been released.",
        ),
        (
            "let c; const s = new ReadableStream({ start(x) { c = x } }); c.close(); c.enqueue(1)",
            "TypeError: Unable to enqueue: the ReadableStream is closed or closing.",
        ),
        (
            "let c; new ReadableStream({ start(x) { c = x } }, { highWaterMark: 3, size: (x) => x }); const d = [c.desiredSize]; c.enqueue(2); d.push(c.desiredSize); c.error(1); d.push(c.desiredSize); return d",
            "3,1,",
        ),
        (
            "let out; const s = ReadableStream.from((function* () { try { yield 1; yield 2 } finally { out = 'left' } })()); for await (const x of s) break; return [out, s.locked]",
            "left,false",
        ),
        (
            "const r = ReadableStream.from(['a', Promise.resolve('b')]).getReader(); return [(await r.read()).value, (await r.read()).value, (await r.read()).done]",
            "a,b,true",
        ),
        ("new ReadableStream({ type: 'x' })", "TypeError: 'x' is not a valid ReadableStream type."),
        (
            "new ReadableStream({}, { highWaterMark: -1 })",
            "RangeError: A queuing strategy's highWaterMark must be a non-negative number.",
        ),
        ("new ReadableStreamDefaultController()", "TypeError: Illegal constructor"),
        (
            "return [new CountQueuingStrategy({ highWaterMark: 2 }).size(), new ByteLengthQueuingStrategy({ highWaterMark: 2 }).size(new Uint8Array(5))]",
            "1,5",
        ),
    ]);
}

#[test]
fn both_branches_of_a_tee_get_every_chunk() {
    check(&[
        (
            "const [a, b] = ReadableStream.from([1, 2]).tee(); const list = async (s) => { const all = []; for await (const x of s) all.push(x); return all }; return [await list(a), '|', await list(b)]",
            "1,2,|,1,2",
        ),
        (
            "const s = new ReadableStream({ type: 'bytes', start(c) { c.enqueue(new Uint8Array([1])); c.close() } }); const [a, b] = s.tee(); const x = (await a.getReader().read()).value; x[0] = 9; return [x, (await b.getReader().read()).value]",
            "9,1",
        ),
        (
            "let why; const [a, b] = new ReadableStream({ cancel(r) { why = r } }).tee(); a.cancel(1); await b.cancel(2); return why",
            "1,2",
        ),
        (
            "const [a, b] = new ReadableStream({ start(c) { c.error(new Error('e')) } }).tee(); try { await a.getReader().read() } catch (x) { return [x.message, await b.getReader().read().catch((y) => y === x)] }",
            "e,true",
        ),
        (
            "const [a, b] = ReadableStream.from([1, 2]).tee(); await a.cancel; const p = a.cancel(); const r = b.getReader(); const seen = [(await r.read()).value, (await r.read()).value, (await r.read()).done]; await p; return seen",
            "1,2,true",
        ),
    ]);
}

#[test]
fn byte_streams_fill_the_readers_buffers() {
    check(&[
        (
            "const s = new ReadableStream({ type: 'bytes', start(c) { c.enqueue(new Uint8Array([1, 2, 3])); c.close() } }); const r = s.getReader({ mode: 'byob' }); const a = await r.read(new Uint8Array(2)); const b = await r.read(new Uint8Array(2)); const c = await r.read(new Uint8Array(2)); return [a.value, '|', b.value, '|', c.done, c.value.byteLength]",
            "1,2,|,3,|,true,0",
        ),
        (
            "const s = new ReadableStream({ type: 'bytes', pull(c) { c.byobRequest.view[0] = 7; c.byobRequest.respond(1) } }); const r = s.getReader({ mode: 'byob' }); return (await r.read(new Uint8Array(4))).value",
            "7",
        ),
        (
            "const s = new ReadableStream({ type: 'bytes', autoAllocateChunkSize: 4, pull(c) { const v = c.byobRequest.view; v[0] = v.length; c.byobRequest.respond(1) } }); return (await s.getReader().read()).value",
            "4",
        ),
        (
            "let n = 0; const s = new ReadableStream({ type: 'bytes', pull(c) { c.enqueue(new Uint8Array([++n])) } }); const r = s.getReader({ mode: 'byob' }); return (await r.read(new Uint8Array(8), { min: 3 })).value",
            "1,2,3",
        ),
        (
            "let n = 0; const s = new ReadableStream({ type: 'bytes', pull(c) { c.enqueue(new Uint8Array([++n])) } }); return (await s.getReader({ mode: 'byob' }).readAtLeast(2, new Uint8Array(8))).value",
            "1,2",
        ),
        (
            "let n = 0; const s = new ReadableStream({ type: 'bytes', pull(c) { if (++n < 4) c.enqueue(new Uint8Array([n])); else { c.close(); c.byobRequest?.respond(0) } } }); const r = s.getReader({ mode: 'byob' }); const a = await r.read(new Uint16Array(1)); return [a.value[0], a.value.constructor.name, n]",
            "513,Uint16Array,2",
        ),
        (
            "const s = new ReadableStream({ type: 'bytes', pull(c) { const v = c.byobRequest.view; c.byobRequest.respondWithNewView(new Uint8Array(v.buffer, v.byteOffset, 2)) } }); return (await s.getReader({ mode: 'byob' }).read(new Uint8Array(4))).value.length",
            "2",
        ),
        (
            "const view = new Uint8Array(2); const s = new ReadableStream({ type: 'bytes', start(c) { c.enqueue(new Uint8Array(2)) } }); await s.getReader({ mode: 'byob' }).read(view); return view.byteLength",
            "0",
        ),
        (
            "const s = new ReadableStream({ type: 'bytes' }); return s.getReader({ mode: 'byob' }).read(new Uint8Array(0))",
            "TypeError: You must call read() on a \"byob\" reader with a positive-sized TypedArray object.",
        ),
        (
            "new ReadableStream().getReader({ mode: 'byob' })",
            "TypeError: This ReadableStream does not support BYOB reads.",
        ),
        (
            "let c; new ReadableStream({ type: 'bytes', start(x) { c = x } }); c.enqueue(new Uint8Array(0))",
            "TypeError: Cannot enqueue a zero-length ArrayBuffer.",
        ),
        (
            "let c; const s = new ReadableStream({ type: 'bytes', start(x) { c = x } }); const r = s.getReader({ mode: 'byob' }); const p = r.read(new Uint8Array(4)); const q = c.byobRequest; c.enqueue(new Uint8Array([5])); return [(await p).value, q.view, c.byobRequest]",
            "5,,",
        ),
        (
            "let c; const s = new ReadableStream({ type: 'bytes', start(x) { c = x } }); const r = s.getReader({ mode: 'byob' }); const p = r.read(new Uint8Array(4)); r.releaseLock(); await p.catch(() => {}); const q = s.getReader().read(); c.byobRequest.view[0] = 6; c.byobRequest.respond(1); return (await q).value",
            "6",
        ),
    ]);
}

/// As in workerd, where the standard waits for a source that has nothing more to say, or for the other branch.
#[test]
fn reads_and_cancels_do_not_wait_for_ever() {
    let source = "const encoder = new TextEncoder(); const chunks = ['hello', 'there']; const source = (answer) => new ReadableStream({ type: 'bytes', pull(c) { answer(c) } }); const read = async (stream, min, size) => { const { value, done } = await stream.getReader({ mode: 'byob' }).readAtLeast(min, new Uint8Array(size)); return [new TextDecoder().decode(value), done] };";
    check_after(
        source,
        &[
            (
                "return read(source((c) => { c.enqueue(encoder.encode(chunks.shift())); if (chunks.length === 0) c.close() }), 100, 100)",
                "hellothere,false",
            ),
            (
                "const asked = []; const stream = source((c) => { if (chunks.length === 0) { c.close(); c.byobRequest.respond(0); return } asked.push(c.byobRequest.atLeast); encoder.encodeInto(chunks.shift(), c.byobRequest.view); c.byobRequest.respond(5) }); return [await read(stream, 100, 100), asked]",
                "hellothere,false,100,95",
            ),
            (
                "const stream = new ReadableStream({ type: 'bytes', start(c) { c.enqueue(encoder.encode('abc')); c.close() } }); return read(stream, 4, 8)",
                "abc,false",
            ),
            (
                "let why; const [a, b] = new ReadableStream({ cancel(r) { why = r } }).tee(); await a.cancel(1); const early = why; await b.cancel(2); return [typeof early, why]",
                "undefined,1,2",
            ),
            (
                "let control; let cancelled = 0; const stream = new ReadableStream({ start(c) { control = c }, cancel() { cancelled++ } }); const aborting = new AbortController(); const identity = new IdentityTransformStream(); const piped = stream.pipeTo(identity.writable, { signal: aborting.signal, preventCancel: true }).catch((e) => e.message); await scheduler.wait(0); aborting.abort(new Error('enough')); control.enqueue(encoder.encode('left')); return [await piped, cancelled, new TextDecoder().decode((await stream.getReader().read()).value)]",
                "enough,0,left",
            ),
        ],
    );
}

#[test]
fn writable_streams_take_chunks_one_at_a_time() {
    check(&[
        (
            "const seen = []; const s = new WritableStream({ write: (x) => { seen.push(x) }, close() { seen.push('closed') } }); const w = s.getWriter(); w.write(1); await w.write(2); await w.close(); await w.closed; return seen",
            "1,2,closed",
        ),
        (
            "let active = 0, most = 0; const s = new WritableStream({ async write() { most = Math.max(most, ++active); await scheduler.wait(1); active-- } }); const w = s.getWriter(); w.write(1); w.write(2); await w.write(3); return most",
            "1",
        ),
        (
            "const s = new WritableStream({ write() { throw new Error('full') } }); const w = s.getWriter(); await w.write(1).catch((e) => e); return w.write(2)",
            "Error: full",
        ),
        (
            "let why; const s = new WritableStream({ abort(r) { why = r } }); await s.abort('x'); return [why, await s.getWriter().closed.catch((e) => e)]",
            "x,x",
        ),
        (
            "let signal; const s = new WritableStream({ start(c) { signal = c.signal } }); await s.abort('r'); return [signal.aborted, signal.reason]",
            "true,r",
        ),
        (
            "const w = new WritableStream({}, { highWaterMark: 2 }).getWriter(); const d = [w.desiredSize]; w.write(1); d.push(w.desiredSize); await w.ready; return d",
            "2,1",
        ),
        (
            "let go; const w = new WritableStream({ write: () => new Promise((r) => { go = r }) }).getWriter(); w.write(1); let ready = false; w.ready.then(() => { ready = true }); await scheduler.wait(1); const before = ready; go(); await w.ready; return [before, ready]",
            "false,true",
        ),
        (
            "const s = new WritableStream(); s.getWriter(); s.getWriter()",
            "TypeError: This WritableStream is currently locked to a writer.",
        ),
        (
            "const w = new WritableStream().getWriter(); await w.close(); return w.write(1)",
            "TypeError: This WritableStream has been closed.",
        ),
        (
            "const w = new WritableStream().getWriter(); w.releaseLock(); return w.write(1)",
            "TypeError: This WritableStream writer has been released.",
        ),
        (
            "let c; const s = new WritableStream({ start(x) { c = x } }); c.error('e'); return s.getWriter().closed",
            "e",
        ),
    ]);
}

#[test]
fn transforms_sit_between() {
    check(&[
        (
            "const t = new TransformStream({ transform(x, c) { c.enqueue(x * 2) }, flush(c) { c.enqueue('end') } }); const seen = []; for await (const x of ReadableStream.from([1, 2]).pipeThrough(t)) seen.push(x); return seen",
            "2,4,end",
        ),
        (
            "const { readable, writable } = new TransformStream(); const w = writable.getWriter(); w.write('a'); w.close(); const r = readable.getReader(); return [(await r.read()).value, (await r.read()).done]",
            "a,true",
        ),
        (
            "const { readable, writable } = new TransformStream(); let done = false; writable.getWriter().write(1).then(() => { done = true }); await scheduler.wait(1); const before = done; await readable.getReader().read(); await scheduler.wait(1); return [before, done]",
            "false,true",
        ),
        (
            "const t = new TransformStream({ transform() { throw new Error('t') } }); const w = t.writable.getWriter(); w.write(1).catch(() => {}); return t.readable.getReader().read()",
            "Error: t",
        ),
        (
            "const t = new TransformStream({ transform(x, c) { c.terminate() } }); const w = t.writable.getWriter(); w.write(1).catch(() => {}); return [(await t.readable.getReader().read()).done, await w.closed.catch((e) => e.message)]",
            "true,This TransformStream has been terminated.",
        ),
        (
            "let why; const t = new TransformStream({ cancel(r) { why = r } }); await t.readable.cancel('c'); return [why, await t.writable.getWriter().closed.catch((e) => e)]",
            "c,c",
        ),
        (
            "const t = new TransformStream(); await t.writable.abort('a'); return t.readable.getReader().read()",
            "a",
        ),
        (
            "const s = ReadableStream.from(['a', '€\\ud83d', '\\ude00']).pipeThrough(new TextEncoderStream()).pipeThrough(new TextDecoderStream()); let text = ''; for await (const x of s) text += x; return text",
            "a€😀",
        ),
    ]);
}

#[test]
fn pipes_carry_ends_both_ways() {
    check(&[
        (
            "const seen = []; await ReadableStream.from([1, 2]).pipeTo(new WritableStream({ write(x) { seen.push(x) }, close() { seen.push('c') } })); return seen",
            "1,2,c",
        ),
        (
            "let why; const s = new ReadableStream({ pull(c) { c.error('bad') } }); await s.pipeTo(new WritableStream({ abort(r) { why = r } })).catch((e) => e); return why",
            "bad",
        ),
        (
            "let why; const s = new ReadableStream({ pull(c) { c.enqueue(1) }, cancel(r) { why = r } }); await s.pipeTo(new WritableStream({ write() { throw 'no' } })).catch((e) => e); return why",
            "no",
        ),
        (
            "let closed = false; const w = new WritableStream({ close() { closed = true } }); await ReadableStream.from([1]).pipeTo(w, { preventClose: true }); return [closed, w.locked]",
            "false,false",
        ),
        (
            "const c = new AbortController(); let why; const s = new ReadableStream({ cancel(r) { why = r } }); const p = s.pipeTo(new WritableStream(), { signal: c.signal }); c.abort('stop'); return [await p.catch((e) => e), why]",
            "stop,stop",
        ),
        (
            "return ReadableStream.from([1]).pipeTo({})",
            "TypeError: Failed to execute 'pipeTo' on 'ReadableStream': parameter 1 is not of type 'WritableStream'.",
        ),
        (
            "let n = 0; const s = new ReadableStream({ pull(c) { n++; c.enqueue(1) } }, { highWaterMark: 0 }); s.pipeTo(new WritableStream({ write: () => new Promise(() => {}) })); await scheduler.wait(1); return n <= 2",
            "true",
        ),
    ]);
}

#[test]
fn byte_pipes_pass_bytes_and_count_them() {
    check(&[
        (
            "const { readable, writable } = new IdentityTransformStream(); const w = writable.getWriter(); let done = false; w.write(new Uint8Array([1, 2])).then(() => { done = true }); await scheduler.wait(1); const before = done; const r = readable.getReader(); const { value } = await r.read(); w.close(); return [before, value, (await r.read()).done, done]",
            "false,1,2,true,true",
        ),
        (
            "const w = new IdentityTransformStream().writable.getWriter(); await w.write({})",
            "TypeError: This TransformStream is being used as a byte stream, but received an object of non-ArrayBuffer/ArrayBufferView type on its writable side.",
        ),
        (
            "const { readable, writable } = new IdentityTransformStream(); writable.getWriter().write(new Uint8Array([1, 2, 3])); return (await readable.getReader({ mode: 'byob' }).read(new Uint8Array(2))).value",
            "1,2",
        ),
        (
            "const s = new FixedLengthStream(2); const w = s.writable.getWriter(); w.write(new Uint8Array(2)); w.close(); return (await new Response(s.readable).bytes()).length",
            "2",
        ),
        (
            "const s = new FixedLengthStream(2); const p = new Response(s.readable).text().catch((e) => e.message); await s.writable.getWriter().write(new Uint8Array(3)).catch(() => {}); return p",
            "Attempt to write too many bytes through a FixedLengthStream.",
        ),
        (
            "const s = new FixedLengthStream(2); const w = s.writable.getWriter(); w.write(new Uint8Array(1)); const p = new Response(s.readable).text(); w.close().catch(() => {}); return p",
            "TypeError: FixedLengthStream did not see all expected bytes before close().",
        ),
        (
            "new FixedLengthStream(2 ** 53)",
            "TypeError: FixedLengthStream requires an integer expected length less than 2^53.",
        ),
        ("return new FixedLengthStream(2 ** 53 - 1).constructor.name", "FixedLengthStream"),
    ]);
}

#[test]
fn cloudflares_streams_take_what_workers_write() {
    check(&[
        (
            "const t = new CompressionStream('gzip'); const w = t.writable.getWriter();
             await w.write(new Uint8Array(1000)); await w.close();
             const { value } = await t.readable.getReader().read();
             return new Response(new Response(value).body.pipeThrough(new DecompressionStream('gzip'))).text().then((t) => t.length)",
            "1000",
        ),
        (
            "const t = new IdentityTransformStream(); const w = t.writable.getWriter(); const before = w.desiredSize;
             const done = w.write('text'); const { value } = await t.readable.getReader().read(); await done;
             return [before, new TextDecoder().decode(value)]",
            "1,text",
        ),
        (
            "const source = new ReadableStream({ start(c) { c.enqueue(new Uint8Array(3)); c.close(); } });
             return (await new Response(source.pipeThrough(new IdentityTransformStream())).arrayBuffer()).byteLength",
            "3",
        ),
        ("return new FixedLengthStream(10, { highWaterMark: 100 }).writable.getWriter().desiredSize", "10"),
        (
            "const source = new ReadableStream({ type: 'bytes', pull(c) { c.byobRequest.view[0] = 65; c.byobRequest.respond(1); c.close(); } });
             return new Response(source).text()",
            "A",
        ),
        (
            "let c; const source = new ReadableStream({ type: 'bytes', start(controller) { c = controller; } });
             const reader = source.getReader({ mode: 'byob' }); const reading = reader.readAtLeast(4, new Uint8Array(9));
             c.enqueue(new Uint8Array(2)); c.close(); c.byobRequest.respond(0); const first = await reading;
             const second = await reader.readAtLeast(4, new Uint8Array(9));
             return [first.done, first.value.length, second.done, second.value.length]",
            "false,2,true,0",
        ),
    ]);
}
