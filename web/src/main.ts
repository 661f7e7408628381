// The page: one view, or two side by side, and what holds for both.
import { ApiError, setKey, world as askWorld, type World } from "./api";
import { choice, fill, later, make } from "./dom";
import { Pane } from "./pane";
import { fromHash, hasInput, newView, toHash, type State } from "./state";

const kKeys: [string, string][] = [
  ["Tab", "goes from part to part; only one head, token or tab of a group is a stop"],
  ["Arrows", "among heads: the next one; on the map: the cross hair (Shift: by ten); among tokens: the next one"],
  ["Enter", "among heads: shows it; on the map: zooms to the word under the cross hair"],
  ["+ and −", "on the map: zoom in and out at the cross hair"],
  ["0", "on the map: shows all of it"],
  ["Home, End, Page Up, Page Down", "on the map: first and last column, first and last row"],
  ["a", "among heads: takes the head out, or puts it back"],
  ["?", "this list"],
];

let state: State = fromHash(location.hash);
let panes: Pane[] = [];
let written = location.hash;

const app = document.getElementById("app")!;
const main = make("main");
const keys = make("dialog", { className: "keys", "aria-label": "Keys" });

function setTheme(): void {
  document.documentElement.dataset.theme = state.theme;
}

const write = later(150, () => {
  const hash = "#" + toHash(state);
  if (hash === location.hash) return;
  written = hash;
  history.replaceState(null, "", hash);
});

function recolour(): void {
  for (const pane of panes) pane.recolour({ palette: state.palette, scale: state.scale });
  write();
}

function sameShape(): boolean {
  const shapes = panes.map((pane) => {
    const map = pane.looked?.maps[pane.view.map];
    return map ? [map.rows, map.columns].map((list) => pane.looked!.labels[list].texts.length).join("x") : "";
  });
  return panes.length === 2 && shapes[0] !== "" && shapes[0] === shapes[1];
}

function build(world: World): void {
  panes.forEach((pane) => pane.destroy());
  panes = state.views.map((view, i) => {
    const others = (): Pane[] => (state.sync && sameShape() ? panes.filter((_, j) => j !== i) : []);
    return new Pane(state.views.length > 1 ? `View ${"AB"[i]}` : "View", world, view, { palette: state.palette, scale: state.scale }, {
      changed: write,
      cell: (cell) => others().forEach((pane) => pane.follow(cell)),
      box: (box) => others().forEach((pane) => pane.followBox(box)),
    });
  });
  main.className = panes.length > 1 ? "two" : "one";
  fill(main, ...panes.map((pane) => pane.element));
  fill(app, header(world), main, keys);
  write();
}

function compare(world: World): void {
  if (state.views.length > 1) {
    state.views = [state.views[0]];
  } else {
    const first = state.views[0];
    const second = structuredClone(first);
    if (world.models.length > 1) second.asked.model = 1;
    else second.head = first.head + 1;
    state.views.push(second);
  }
  build(world);
}

function header(world: World): HTMLElement {
  const colours = choice("Colours", [["heat", "heat"], ["blue", "blue"], ["grey", "grey"]], state.palette, (value) => {
    state.palette = value;
    recolour();
  });
  const scale = choice("Scale", [["log", "logarithmic"], ["linear", "linear"]], state.scale, (value) => {
    state.scale = value;
    recolour();
  });
  const theme = choice("Theme", [["auto", "as the system"], ["light", "light"], ["dark", "dark"]], state.theme, (value) => {
    state.theme = value;
    setTheme();
    recolour();
  });
  const two = state.views.length > 1;
  const beside = make("button", { type: "button", "aria-pressed": String(two), onclick: () => compare(world) }, two ? "One view" : "Compare");
  const sync = make("input", { type: "checkbox", checked: state.sync, onchange: () => ((state.sync = sync.checked), write()) });
  const together = two ? make("label", { className: "choice" }, make("span", {}, "Move together"), sync) : null;
  const help = make("button", { type: "button", onclick: () => keys.showModal() }, "Keys");
  return make("header", {}, make("h1", {}, "Heed"), make("span", { className: "models" }, world.models.map((model) => model.name).join(" · ")), colours, scale, theme, beside, together, help);
}

function buildKeys(): void {
  const list = make("dl");
  for (const [key, what] of kKeys) list.append(make("dt", {}, key), make("dd", {}, what));
  const close = make("button", { type: "button", onclick: () => keys.close() }, "Close");
  const licences = make("a", { href: "/licences.txt", target: "_blank" }, "OpenSeadragon");
  fill(keys, make("h2", {}, "Keys"), list, make("p", { className: "note" }, "Deep zoom by ", licences, "."), close);
  document.addEventListener("keydown", (event) => {
    const inText = event.target instanceof HTMLInputElement || event.target instanceof HTMLTextAreaElement;
    if (event.key === "?" && !inText && !keys.open) keys.showModal();
  });
}

/** Asks for the key that the server demands. */
function askKey(message: string): Promise<void> {
  return new Promise((resolve) => {
    const input = make("input", { type: "password", autocomplete: "off", "aria-label": "Key" });
    const form = make(
      "form",
      {
        className: "ask key",
        onsubmit: (event: Event) => {
          event.preventDefault();
          setKey(input.value);
          resolve();
        },
      },
      make("p", {}, message),
      input,
      make("button", { type: "submit", className: "primary" }, "Go on"),
    );
    fill(app, form);
    input.focus();
  });
}

async function start(): Promise<void> {
  setTheme();
  buildKeys();
  for (;;) {
    try {
      const world = await askWorld();
      const [first] = state.views;
      if (!hasInput(first.asked) && world.named > 0) state.views[0] = { ...newView(), asked: { model: first.asked.model, input: 0 } };
      build(world);
      window.addEventListener("hashchange", () => {
        if (location.hash === written) return;
        written = location.hash;
        state = fromHash(location.hash);
        setTheme();
        build(world);
      });
      return;
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 401) {
        fill(app, make("p", { className: "error", role: "alert" }, (error as Error).message));
        return;
      }
      await askKey("This server demands a key: the one in the file that --key-file named.");
    }
  }
}

void start();
