import { useState } from "preact/hooks";
import { models, runModel, type Model } from "../models";
import { Empty, parsed, Problem, useAction, useAsked } from "../parts";

/** What a task's inputs look like, with the user's text in the place that it has. */
const INPUTS: Record<string, (text: string) => unknown> = {
  "text-generation": (text) => ({ messages: [{ role: "user", content: text }], stream: true }),
  "text-embeddings": (text) => ({ text: [text] }),
  "text-to-image": (text) => ({ prompt: text }),
  summarization: (text) => ({ input_text: text }),
  translation: (text) => ({ text, source_lang: "english", target_lang: "french" }),
  "text-classification": (text) => ({ text }),
};

export function Ai() {
  const { value, error } = useAsked(models, []);
  const [chosen, choose] = useState(0);
  const model = value?.[chosen] ?? value?.[0];
  return (
    <>
      <h1>AI</h1>
      <Problem text={error} />
      {value?.length === 0 && (
        <Empty>
          No Worker that is served has a model. Bind <code>ai</code> in its configuration, and name the models' engines in <code>hognose.toml</code>.
        </Empty>
      )}
      {value && model && (
        <>
          <label class="row">
            Model
            <select value={chosen} onChange={(event) => choose(Number(event.currentTarget.value))}>
              {value.map((one, index) => (
                <option key={index} value={index}>
                  {one.name} ({one.worker})
                </option>
              ))}
            </select>
          </label>
          <Playground key={chosen} model={model} />
        </>
      )}
    </>
  );
}

function Playground({ model }: { model: Model }) {
  const inputs = INPUTS[model.task] ?? ((text: string) => ({ prompt: text }));
  const [text, setText] = useState(() => JSON.stringify(inputs("Why do snakes play dead?"), null, 2));
  const [answer, setAnswer] = useState("");
  const [picture, setPicture] = useState<string | null>(null);
  const [runs, setRuns] = useState(false);
  const { act, error } = useAction();
  const run = () =>
    act(async () => {
      setRuns(true);
      setAnswer("");
      setPicture(null);
      try {
        const response = await runModel(model.worker, model.name, parsed(text));
        const type = response.headers.get("content-type") ?? "";
        if (type.startsWith("text/event-stream")) await follow(response, (piece) => setAnswer((before) => before + piece));
        else if (type.includes("json")) setAnswer(JSON.stringify(await response.json(), null, 2));
        else if (type.startsWith("image/")) setPicture(URL.createObjectURL(await response.blob()));
        else setAnswer(`${type}, ${(await response.blob()).size} bytes`);
      } finally {
        setRuns(false);
      }
    });
  return (
    <form
      class="card editor"
      onSubmit={(event) => {
        event.preventDefault();
        run();
      }}
    >
      <p class="dim">{model.task}</p>
      <label>
        Inputs (JSON)
        <textarea
          rows={10}
          spellcheck={false}
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
          onKeyDown={(event) => (event.ctrlKey || event.metaKey) && event.key === "Enter" && run()}
        />
      </label>
      <div class="row">
        <button class="primary" disabled={runs}>
          Run
        </button>
        <span class="dim">Ctrl-Enter</span>
      </div>
      <Problem text={error} />
      {answer && (
        <pre class="answer" aria-live="polite">
          {answer}
        </pre>
      )}
      {picture && <img class="picture" src={picture} alt="what the model made" />}
    </form>
  );
}

/** The words of a stream as they come. */
async function follow(response: Response, piece: (text: string) => void) {
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const lines = (rest + value).split("\n");
    rest = lines.pop()!;
    for (const line of lines) {
      const data = line.startsWith("data:") ? line.slice(5).trim() : "";
      if (data && data !== "[DONE]") piece(JSON.parse(data).response ?? "");
    }
  }
}
