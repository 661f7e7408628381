// What is looked at and how, as it stands in the address.
import type { Ablated, Asked } from "./api";

export interface View {
  asked: Asked;
  map: number;
  head: number; // from 1
  pool: string; // max, mean
  tab: string;
  cell: [number, number] | null; // row and column of the cross hair
  box: [number, number, number] | null; // the column and row in the middle, cells across
  method: string;
}

export interface State {
  palette: string;
  scale: string; // log, linear
  theme: string; // auto, light, dark
  sync: boolean;
  views: View[]; // one or two
}

export const newView = (): View => ({
  asked: { model: 0 },
  map: 0,
  head: 1,
  pool: "max",
  tab: "map",
  cell: null,
  box: null,
  method: "",
});

export const newState = (): State => ({ palette: "heat", scale: "log", theme: "auto", sync: true, views: [newView()] });

function write(view: View): string {
  const { asked } = view;
  const p = new URLSearchParams();
  if (asked.model) p.set("model", String(asked.model));
  if (asked.text !== undefined) p.set("text", asked.text);
  if (asked.input !== undefined) p.set("input", String(asked.input));
  if (asked.number !== undefined) p.set("number", String(asked.number));
  if (asked.target) p.set("target", asked.target);
  if (asked.ablated?.length) p.set("without", asked.ablated.map((a) => `${a.map}:${a.head}`).join(" "));
  if (view.map) p.set("map", String(view.map));
  if (view.head !== 1) p.set("head", String(view.head));
  if (view.pool !== "max") p.set("pool", view.pool);
  if (view.tab !== "map") p.set("tab", view.tab);
  if (view.cell) p.set("cell", view.cell.join(","));
  if (view.box) p.set("box", view.box.map((x) => Number(x.toPrecision(6))).join(","));
  if (view.method) p.set("method", view.method);
  return p.toString();
}

/** A whole number, or undefined for anything else. */
function whole(text: string | null): number | undefined {
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

function numbers(text: string | null, count: number): number[] | null {
  const found = (text ?? "").split(",").map(Number);
  return found.length === count && found.every((x) => Number.isFinite(x)) ? found : null;
}

function read(text: string): View {
  const p = new URLSearchParams(text);
  const ablated: Ablated[] = [];
  for (const word of (p.get("without") ?? "").split(" ")) {
    const found = /^(.+):(\d{1,6})$/.exec(word);
    if (found) ablated.push({ map: found[1], head: Number(found[2]) });
  }
  const view = newView();
  view.asked = {
    model: whole(p.get("model")) ?? 0,
    text: p.get("text") ?? undefined,
    input: whole(p.get("input")),
    number: whole(p.get("number")),
    target: p.get("target") ?? undefined,
    ablated: ablated.length ? ablated : undefined,
  };
  view.map = whole(p.get("map")) ?? 0;
  view.head = whole(p.get("head")) ?? 1;
  view.pool = p.get("pool") === "mean" ? "mean" : "max";
  const tab = p.get("tab") ?? "map";
  view.tab = ["map", "lines", "input", "explain"].includes(tab) ? tab : "map";
  view.cell = numbers(p.get("cell"), 2) as [number, number] | null;
  view.box = numbers(p.get("box"), 3) as [number, number, number] | null;
  view.method = p.get("method") ?? "";
  return view;
}

export function toHash(state: State): string {
  const p = new URLSearchParams();
  if (state.palette !== "heat") p.set("palette", state.palette);
  if (state.scale !== "log") p.set("scale", state.scale);
  if (state.theme !== "auto") p.set("theme", state.theme);
  if (!state.sync) p.set("sync", "0");
  state.views.forEach((view, i) => {
    const text = write(view);
    if (text || i > 0) p.set("ab"[i], text);
  });
  return p.toString();
}

export function fromHash(hash: string): State {
  const p = new URLSearchParams(hash.replace(/^#/, ""));
  const state = newState();
  const word = (name: string, known: string[], other: string): string => {
    const given = p.get(name) ?? other;
    return known.includes(given) ? given : other;
  };
  state.palette = word("palette", ["heat", "blue", "grey"], "heat");
  state.scale = word("scale", ["log", "linear"], "log");
  state.theme = word("theme", ["auto", "light", "dark"], "auto");
  state.sync = p.get("sync") !== "0";
  state.views = [read(p.get("a") ?? "")];
  if (p.has("b")) state.views.push(read(p.get("b")!));
  return state;
}

/** Something to be looked at was chosen. */
export const hasInput = (asked: Asked): boolean => Boolean(asked.text) || asked.input !== undefined;
