// What the model says, and what it said before heads were taken out.
import type { Answer } from "./api";
import { make } from "./dom";
import { short } from "./palette";

interface Choice {
  class: string;
  probability: number;
}

function choices(answer: Answer): Choice[] | null {
  const top = answer.fields.top;
  const isList = Array.isArray(top) && top.length > 0 && top.every((one) => one && typeof one === "object" && "class" in one && "probability" in one);
  return isList ? (top as Choice[]) : null;
}

function table(now: Choice[], before: Choice[] | null): HTMLElement {
  const head = make("tr", {}, make("th", { scope: "col" }, "class"), before ? make("th", { scope: "col" }, "before") : null, make("th", { scope: "col" }, before ? "without" : "probability"), before ? make("th", { scope: "col" }, "change") : null);
  const result = make("table", { className: "answer" }, head);
  for (const { class: name, probability } of now) {
    const was = before?.find((one) => one.class === name)?.probability;
    const bar = make("span", { className: "share" });
    bar.style.width = `${Math.max(1, 100 * probability)}%`;
    const change = was === undefined ? "" : `${probability >= was ? "+" : "\u2212"}${short(Math.abs(probability - was))}`;
    result.append(
      make(
        "tr",
        {},
        make("th", { scope: "row" }, name),
        before ? make("td", {}, was === undefined ? "" : was.toFixed(4)) : null,
        make("td", {}, probability.toFixed(4), bar),
        before ? make("td", { className: "change" }, change) : null,
      ),
    );
  }
  return result;
}

/** `before`: the answers with all heads, where some are out. */
export function answersOf(answers: Answer[], before: Answer[] | null): HTMLElement {
  const parts = answers.map((answer, i) => {
    const now = choices(answer);
    const was = before?.[i];
    const title = answer.head ? make("h4", {}, answer.head) : null;
    const expected = answer.expected ? make("p", { className: "note" }, `expected: ${answer.expected}`) : null;
    if (now) return make("div", {}, title, table(now, was ? choices(was) : null), expected);
    const text = answer.text.replace(/\t/g, "  ");
    const changed = was && was.text !== answer.text;
    return make(
      "div",
      {},
      title,
      was ? make("p", { className: "before" }, changed ? `before: ${was.text.replace(/\t/g, "  ")}` : "unchanged:") : null,
      make("p", { className: changed ? "says changed" : "says" }, text),
      expected,
    );
  });
  return make("div", { className: "answers", "aria-live": "polite" }, ...parts);
}
