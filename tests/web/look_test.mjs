// The page of `heed look` in a real browser.
//
//   node look_test.mjs HEED MODULES CHROMIUM FOLDER    HEED: the program; MODULES: node_modules of the page;
//                                                      FOLDER: for models and screenshots, made anew
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { heed, look, makeWorld } from "./world.mjs";

const [program, modules, chromium, folder] = process.argv.slice(2);
const { chromium: browsers } = createRequire(join(modules, "x.js"))("playwright-core");

const kText = "the word1 is here .";
let at, browser, server;

before(async () => {
  rmSync(folder, { recursive: true, force: true });
  at = makeWorld(program, folder);
  mkdirSync(at("shots"));
  browser = await browsers.launch({ executablePath: chromium, args: ["--no-sandbox", "--disable-dev-shm-usage"] });
  server = await look(program, at("class"), "--with", at("other"));
});

after(async () => {
  await browser?.close();
  if (server) assert.equal(await server.stop(), 143);
});

/** A page of its own; whatever it logs as an error, or asks elsewhere, fails the test. */
async function open(hash = "", options = {}, address = server.address) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 720 }, ...options });
  const page = await context.newPage();
  page.wrong = [];
  page.on("console", (message) => message.type() === "error" && !/Failed to load resource/.test(message.text()) && page.wrong.push(message.text()));
  page.on("pageerror", (error) => page.wrong.push(String(error)));
  page.on("request", (request) => /^(blob|data):/.test(request.url()) || request.url().startsWith(address) || page.wrong.push(request.url()));
  await page.goto(address + hash);
  return page;
}

async function close(page) {
  assert.deepEqual(page.wrong, []);
  await page.context().close();
}

async function type(page, text = kText) {
  await page.getByLabel("Text to look at").fill(text);
  await page.keyboard.press("Enter");
  await page.locator(".map .stage canvas").first().waitFor();
}

/** The weight that the page says of the cell under the cross hair. */
async function saidWeight(page) {
  await page.waitForFunction(() => /: [\d.e-]+$/.test(document.querySelector(".map .said").textContent));
  return Number(/: ([\d.e-]+)$/.exec(await page.locator(".map .said").textContent())[1]);
}

const close6 = (a, b) => assert.ok(Math.abs(a - b) <= 1e-5 * Math.max(Math.abs(a), Math.abs(b)), `${a} is not ${b}`);

/** A colour in the middle of the map. */
const middle = (page) =>
  page.evaluate(() => {
    const canvas = document.querySelector(".stage canvas:not(.over)");
    return [...canvas.getContext("2d").getImageData(canvas.width / 2, canvas.height / 2, 1, 1).data];
  });

test("a text is typed, and a word's weight is the one of heed map", async () => {
  const reference = JSON.parse(heed(program, "map", at("class"), kText, "--json"));
  const page = await open();
  await type(page);
  await page.locator(".answers table").waitFor();
  assert.match(await page.locator(".answers").innerText(), /left|right/);
  assert.equal(await page.locator("button.head").count(), 4);
  await page.getByRole("button", { name: "layer 2 head 2" }).click();
  await page.locator(".stage[aria-label^='layer 2 head 2']").waitFor();
  await page.locator(".stage").focus();
  await page.keyboard.press("PageUp");
  await page.keyboard.press("Home");
  for (const key of ["ArrowDown", "ArrowDown", "ArrowDown", "ArrowRight", "ArrowRight"]) await page.keyboard.press(key);
  await page.keyboard.press("Enter"); // to the word
  assert.match(await page.locator(".map .said").textContent(), /row 4 “is” → column 3 “word1”/);
  assert.deepEqual([reference.maps[1].rows[3], reference.maps[1].columns[2]], ["is", "word1"]);
  close6(await saidWeight(page), reference.maps[1].heads[1].weights[3][2]);
  await page.waitForTimeout(400);
  await page.screenshot({ path: at("shots/word.png") });
  await close(page);
});

test("a long text is zoomed from the whole to a word", async () => {
  const words = Array.from({ length: 700 }, (_, i) => `word${i % 7}`);
  const reference = JSON.parse(heed(program, "map", at("class"), words.join(" "), "--layer", "1", "--head", "1", "--json"));
  const page = await open();
  await type(page, words.join(" "));
  await page.waitForTimeout(500);
  await page.screenshot({ path: at("shots/long.png") });
  await page.locator(".stage").focus();
  await page.keyboard.press("PageUp");
  await page.keyboard.press("Home");
  for (let i = 0; i < 35; ++i) await page.keyboard.press("Shift+ArrowDown");
  for (let i = 0; i < 12; ++i) await page.keyboard.press("Shift+ArrowRight");
  await page.keyboard.press("Enter");
  close6(await saidWeight(page), reference.maps[0].heads[0].weights[350][120]);
  await page.waitForTimeout(600);
  await page.screenshot({ path: at("shots/deep.png") });
  await page.keyboard.press("0");
  await close(page);
});

test("colours, scale and theme change what is drawn", async () => {
  const page = await open();
  await type(page);
  await page.waitForTimeout(500);
  const seen = new Set();
  for (const palette of ["heat", "blue", "grey"])
    for (const scale of ["log", "linear"]) {
      await page.getByLabel("Colours", { exact: true }).selectOption(palette);
      await page.getByLabel("Scale").selectOption(scale);
      await page.waitForTimeout(400);
      const colour = await middle(page);
      assert.equal(colour[3], 255);
      if (palette === "grey") assert.ok(Math.max(...colour.slice(0, 3)) - Math.min(...colour.slice(0, 3)) <= 2, `${colour}`);
      seen.add(colour.join());
    }
  assert.ok(seen.size >= 4, [...seen].join(" "));
  const back = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  await page.getByLabel("Theme").selectOption("dark");
  const dark = await back();
  await page.screenshot({ path: at("shots/dark.png") });
  await page.getByLabel("Theme").selectOption("light");
  assert.notEqual(await back(), dark);
  await close(page);
});

test("a head is taken out, and the answer changes", async () => {
  const page = await open();
  await type(page);
  await page.locator(".answers table").waitFor();
  await page.getByRole("button", { name: "Take head out" }).click();
  await page.locator(".head.ablated").waitFor();
  assert.match(await page.locator(".answers thead, .answers table").first().innerText(), /before/);
  const change = await page.locator("td.change").first().innerText();
  assert.match(change, /^[+\u2212][\d.e-]+$/);
  await page.screenshot({ path: at("shots/ablated.png") });
  await page.getByRole("button", { name: "Put head back" }).click();
  await page.locator(".head.ablated").waitFor({ state: "detached" });
  await close(page);
});

test("two models stand side by side and move together", async () => {
  const page = await open();
  await type(page);
  await page.getByRole("button", { name: "Compare" }).click();
  await page.locator(".pane").nth(1).locator(".stage canvas").first().waitFor();
  assert.equal(await page.locator(".pane").nth(1).getByLabel("Model").inputValue(), "1");
  await page.locator(".pane").nth(0).locator(".stage").focus();
  await page.keyboard.press("ArrowRight");
  await page.waitForFunction(() => [...document.querySelectorAll(".map .said")].every((p) => /column 2 .*: [\d.e-]+$/.test(p.textContent)));
  const [a, b] = await page.locator(".map .said").allTextContents();
  assert.notEqual(a, b);
  await page.screenshot({ path: at("shots/compare.png") });
  await page.getByRole("button", { name: "One view" }).click();
  assert.equal(await page.locator(".pane").count(), 1);
  await close(page);
});

test("pictures are saved", async () => {
  const page = await open();
  await type(page);
  const begins = { png: "\x89PNG", svg: "<", pdf: "%PDF", html: "<!doctype html>" };
  for (const [format, begin] of Object.entries(begins)) {
    const saved = page.waitForEvent("download");
    await page.getByLabel("Save").selectOption(format);
    const file = await saved;
    assert.equal(file.suggestedFilename(), `layer-1-head-1.${format}`);
    assert.ok(readFileSync(await file.path(), "latin1").toLowerCase().startsWith(begin.toLowerCase()));
  }
  await close(page);
});

test("the address restores the view", async () => {
  const page = await open();
  await type(page);
  await page.getByRole("button", { name: "layer 2 head 1" }).click();
  await page.locator(".stage[aria-label^='layer 2 head 1']").waitFor();
  await page.locator(".stage").focus();
  for (const key of ["ArrowDown", "ArrowRight", "Enter"]) await page.keyboard.press(key);
  await page.getByLabel("Colours", { exact: true }).selectOption("grey");
  await page.waitForTimeout(600);
  const said = await saidWeight(page);
  const address = page.url();
  await page.reload();
  await page.locator(".stage[aria-label^='layer 2 head 1']").waitFor();
  assert.equal(await saidWeight(page), said);
  assert.equal(await page.getByLabel("Text to look at").inputValue(), kText);
  assert.equal(await page.getByLabel("Colours", { exact: true }).inputValue(), "grey");
  await page.waitForTimeout(600);
  assert.equal(page.url(), address);
  await close(page);
});

test("all is reached by the keyboard", async () => {
  const page = await open();
  await page.locator("textarea").waitFor();
  const focused = () => page.evaluate(() => document.activeElement.getAttribute("aria-label") ?? document.activeElement.textContent);
  const tabTo = async (what) => {
    for (let i = 0; i < 60; ++i) {
      await page.keyboard.press("Tab");
      if (what.test(await focused())) return;
    }
    assert.fail(`Tab does not reach ${what}`);
  };
  await tabTo(/^Text to look at/);
  await page.keyboard.type(kText);
  await page.keyboard.press("Enter");
  await page.locator(".stage").waitFor();
  await tabTo(/^layer 1 head 1$/);
  const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
  assert.equal(outline, "solid");
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("Enter");
  await page.locator(".stage[aria-label^='layer 1 head 2']").waitFor();
  await tabTo(/^layer 1 head 2,/); // the map
  await page.keyboard.press("ArrowDown");
  await page.waitForFunction(() => /row 2/.test(document.querySelector(".said").textContent));
  await page.keyboard.press("?");
  await page.getByRole("dialog").waitFor();
  await page.keyboard.press("Escape");
  await page.locator("button.head[tabindex='0']").focus();
  await page.keyboard.press("a");
  await page.locator(".head.ablated").waitFor();
  await close(page);
});

test("lines and the input show what a token attends to", async () => {
  const reference = JSON.parse(heed(program, "map", at("class"), kText, "--json"));
  const page = await open();
  await type(page);
  await page.getByRole("tab", { name: "Lines" }).click();
  await page.locator(".lines line").first().waitFor();
  await page.getByRole("button", { name: "word1", exact: true }).hover();
  assert.match(await page.locator(".lines .said").textContent(), /“word1” →/);
  await page.screenshot({ path: at("shots/lines.png") });
  await page.getByRole("tab", { name: "Input" }).click();
  await page.getByRole("button", { name: "here", exact: true }).hover();
  await page.waitForFunction(() => /^“here” attends to/.test(document.querySelector(".input .said").textContent));
  const weight = reference.maps[0].heads[0].weights[4][3];
  const title = await page.getByRole("button", { name: "is", exact: true }).getAttribute("title");
  assert.ok(Math.abs(Number(title) - weight) < 1e-3 * weight, `${title} is not ${weight}`);
  await page.screenshot({ path: at("shots/input.png") });
  await close(page);
});

test("an answer is explained, with the tests of it", async () => {
  const reference = JSON.parse(heed(program, "explain", at("class"), kText, "--method", "relevance", "--json"));
  const page = await open();
  await type(page);
  await page.getByRole("tab", { name: "Explain" }).click();
  await page.getByLabel("Method").selectOption("relevance");
  await page.getByRole("button", { name: "Explain", exact: true }).click();
  await page.locator(".verdict").waitFor();
  assert.equal(await page.locator(".verdict").textContent(), reference.verdict);
  const titles = await page.locator(".explain .token").evaluateAll((tokens) => tokens.map((token) => token.title));
  assert.equal(titles.length, reference.values.length);
  reference.values.forEach((value, i) => assert.ok(Math.abs(Number(/: (\S+)/.exec(titles[i])[1]) - value) <= 0.01 * Math.abs(value)));
  assert.match(await page.locator(".tests").textContent(), /comprehensiveness/);
  await page.waitForTimeout(300);
  await page.screenshot({ path: at("shots/explain.png") });
  await page.reload();
  await page.locator(".verdict").waitFor();
  await close(page);
});

/** Nothing is cut off at the sides, and what is needed can be seen. */
async function fits(page) {
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.ok(wide <= 0, `the page is ${wide} pixels too wide`);
  for (const part of [".stage", ".overview", ".answers", "header"]) {
    await page.locator(part).first().scrollIntoViewIfNeeded();
    const box = await page.locator(part).first().boundingBox();
    assert.ok(box.width >= 100 && box.height >= 20, `${part}: ${JSON.stringify(box)}`);
  }
}

test("200 % zoom and a phone lose nothing", async () => {
  const zoomed = await open("", { viewport: { width: 640, height: 360 }, deviceScaleFactor: 2 });
  await type(zoomed);
  await zoomed.waitForTimeout(400);
  await fits(zoomed);
  await zoomed.screenshot({ path: at("shots/zoomed.png"), fullPage: true });
  await close(zoomed);
  const phone = await open("", { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true });
  await type(phone);
  await phone.waitForTimeout(400);
  await fits(phone);
  await phone.screenshot({ path: at("shots/phone.png"), fullPage: true });
  await close(phone);
});

test("translations and images are looked at", async () => {
  const pairs = await look(program, at("pairs"));
  let page = await open("", {}, pairs.address);
  await type(page, "eins zwei");
  await page.getByRole("button", { name: "cross 1 head 1" }).click();
  await page.locator(".stage[aria-label^='cross 1 head 1']").waitFor();
  await page.getByRole("tab", { name: "Input" }).click();
  assert.equal(await page.locator(".input .tokens").count(), 2);
  await page.screenshot({ path: at("shots/pairs.png") });
  await close(page);
  assert.equal(await pairs.stop(), 143);
  const images = await look(program, at("images"), at("set") + ":1");
  page = await open("", {}, images.address);
  await page.locator(".stage").waitFor();
  await page.getByRole("tab", { name: "Image" }).click();
  await page.locator(".image img").waitFor();
  assert.equal(await page.locator(".patches span").count(), 4);
  await page.screenshot({ path: at("shots/images.png") });
  await page.getByRole("tab", { name: "Explain" }).click();
  assert.equal(await page.getByLabel("Method").inputValue(), "integrated_gradients");
  await page.getByRole("button", { name: "Explain", exact: true }).click();
  await page.locator(".verdict").waitFor();
  assert.equal(await page.locator(".explain .patches span").count(), 4);
  await close(page);
  await images.stop();
});

test("a key is asked for where one is demanded", async () => {
  writeFileSync(at("key"), "0123456789abcdef\n");
  const locked = await look(program, at("class"), "--key-file", at("key"));
  const page = await open("", {}, locked.address);
  await page.getByLabel("Key", { exact: true }).fill("0123456789abcdeX");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.querySelector("input[type=password]")?.value === "");
  await page.getByLabel("Key", { exact: true }).fill("0123456789abcdef");
  await page.keyboard.press("Enter");
  await type(page);
  await page.locator(".head canvas").first().waitFor();
  await close(page);
  await locked.stop();
});

test("what is typed is no file, and a wrong input is said", async () => {
  const page = await open();
  await page.getByLabel("Text to look at").fill("/etc/passwd:1");
  await page.keyboard.press("Enter");
  await page.locator(".status.error").waitFor();
  assert.match(await page.locator(".status").textContent(), /command line/);
  await close(page);
});
