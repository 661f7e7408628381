// The form that chooses a model and an input.
import { upload, type Asked, type World } from "./api";
import { choice, make } from "./dom";

export function askForm(world: World, asked: Asked, writes: boolean, submit: (asked: Asked) => void, fail: (error: Error) => void): HTMLFormElement {
  let { model, input } = asked;
  const takesText = (): boolean => world.models[model]?.takes_text ?? false;
  const text = make("textarea", { rows: 2, value: asked.text ?? "", placeholder: "Type a text, then Enter", "aria-label": "Text to look at" });
  const number = make("input", { type: "text", inputMode: "numeric", pattern: "[0-9]*", size: 6, value: asked.number ?? "", "aria-label": "Number of the record (line, or index of an image)" });
  const target = make("input", { type: "text", value: asked.target ?? "", placeholder: "the model's own", "aria-label": "Text whose writing is looked at" });
  const go = (): void => {
    const given: Asked = { model };
    if (input === undefined) given.text = text.value;
    else given.input = input;
    if (input !== undefined && /^\d+$/.test(number.value.trim())) given.number = Number(number.value);
    if (target.value && writes) given.target = target.value;
    submit(given);
  };
  text.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    go();
  });
  const form = make("form", { className: "ask", onsubmit: (event: Event) => (event.preventDefault(), go()) });
  const models = choice("Model", world.models.map((one, i) => [String(i), one.name]), String(model), (value) => {
    model = Number(value);
    build();
  });
  const file = make("input", { type: "file", hidden: true, onchange: () => void send() });
  const uploads = make("button", { type: "button", title: "An image, a sound, or a file of records", onclick: () => file.click() }, "Upload\u2026");
  async function send(): Promise<void> {
    const chosen = file.files?.[0];
    if (!chosen) return;
    try {
      input = await upload(chosen);
      world.inputs.push(chosen.name);
      number.value = "";
      build();
      go();
    } catch (error) {
      fail(error as Error);
    }
  }
  function build(): void {
    const isRecording = world.models[model]?.is_recording ?? false;
    const sources: [string, string][] = world.inputs.map((name, i) => [String(i), name]);
    if (takesText()) sources.unshift(["", "typed text"]);
    if (!takesText() && input === undefined && world.inputs.length) input = 0;
    const source = choice("Input", sources, input === undefined ? "" : String(input), (value) => {
      input = value === "" ? undefined : Number(value);
      build();
    });
    form.replaceChildren();
    const add = (...children: (Node | null)[]): void => children.forEach((child) => child && form.append(child));
    if (world.models.length > 1) add(models);
    if (!isRecording) {
      if (sources.length > 1 || !takesText()) add(source);
      if (input === undefined && takesText()) add(text);
      else add(make("label", { className: "choice" }, make("span", {}, "Number"), number));
      if (writes) add(make("label", { className: "choice" }, make("span", {}, "Target"), target));
      add(uploads, file);
    }
    add(make("button", { type: "submit", className: "primary" }, "Look"));
  }
  build();
  return form;
}
