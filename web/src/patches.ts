// The input as an image, with a colour on each of its patches.
import { image, type Grid } from "./api";
import { make } from "./dom";

/** An element a patch, row after row; `first` is the number of the first one among the tokens. */
export function patchesOf(id: string, grid: Grid, first: number): { element: HTMLElement; patches: HTMLElement[] } {
  const cells = make("div", { className: "patches", "aria-hidden": "true" });
  cells.style.gridTemplateColumns = `repeat(${grid.columns}, 1fr)`;
  const patches = Array.from({ length: grid.rows * grid.columns }, (_, i) => make("span", { "data-token": i + first }));
  cells.append(...patches);
  const picture = make("img", { alt: "the input" });
  void image(id).then(
    (blob) => {
      picture.src = URL.createObjectURL(blob);
      picture.onload = () => URL.revokeObjectURL(picture.src);
    },
    () => undefined, // the page says elsewhere that the server is gone
  );
  return { element: make("div", { className: "image" }, picture, cells), patches };
}
