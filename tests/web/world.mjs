// A small world for the page's tests: models that are trained on the spot, and a server that is looked at.
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Runs heed to its end; what goes wrong is an error of the test. */
export function heed(program, ...words) {
  const done = spawnSync(program, words, { encoding: "utf8", maxBuffer: 1 << 28 });
  if (done.status !== 0) throw new Error(`heed ${words.join(" ")}: ${done.stderr}`);
  return done.stdout;
}

const kEncoder = "encoder = { width = 8, layers = 2, attention = { num_heads = 2 } }\n";
const kTrain = "[train]\nepochs = 2\nbatch = 8\n";

function idx(count) {
  const head = (magic, ...sizes) => {
    const bytes = Buffer.alloc(4 + 4 * sizes.length);
    bytes.writeUInt32BE(magic, 0);
    sizes.forEach((size, i) => bytes.writeUInt32BE(size, 4 + 4 * i));
    return bytes;
  };
  const images = [...Array(count).keys()].map((i) => Buffer.alloc(64, i % 2 ? 200 : 20).fill(90, 63 - i, 64 - i));
  return [
    Buffer.concat([head(0x803, count, 8, 8), ...images]),
    Buffer.concat([head(0x801, count), Buffer.from([...Array(count).keys()].map((i) => i % 2))]),
  ];
}

/** FOLDER/class, FOLDER/other (of another seed), FOLDER/pairs and FOLDER/images: trained models. */
export function makeWorld(program, folder) {
  mkdirSync(folder, { recursive: true });
  const at = (name) => join(folder, name);
  const texts = ["text,side"];
  for (let i = 0; i < 24; ++i) texts.push(`the word${i % 5} is here .,${i % 2 ? "left" : "right"}`);
  writeFileSync(at("texts.csv"), texts.join("\n") + "\n");
  const lines = (words) => Array.from({ length: 40 }, (_, i) => words[i % words.length]).join("\n") + "\n";
  writeFileSync(at("a"), lines(["eins zwei drei", "drei fünf"]));
  writeFileSync(at("b"), lines(["one two three", "three five"]));
  const [images, labels] = idx(12);
  writeFileSync(at("set-images-idx3-ubyte"), images);
  writeFileSync(at("set-labels-idx1-ubyte"), labels);
  const words = "input = { kind = 'text', column = 'text', tokenizer = { kind = 'words' } }\nhead = { kind = 'class', column = 'side' }\n";
  const recipes = {
    class: `seed = 1\ndata.train = '${at("texts.csv")}'\n${words}${kEncoder}${kTrain}`,
    other: `seed = 2\ndata.train = '${at("texts.csv")}'\n${words}${kEncoder}${kTrain}`,
    pairs: `seed = 1\ndata.train = ['${at("a")}', '${at("b")}']\n[input]\nkind = 'parallel'\nsource = { kind = 'words' }\ntarget = { kind = 'words' }\n` +
      "[head]\nkind = 'text'\nencoder_layers = 1\ndecoder_layers = 1\nwidth = 8\nhidden = 8\nencoder_attention = { num_heads = 2 }\n" +
      "decoder_attention = { num_heads = 2 }\ncross_attention = { num_heads = 2 }\ngenerate = { max_length = 6 }\n[train]\nepochs = 1\nbatch = 64\n",
    images: `seed = 1\ndata.train = '${at("set")}'\ninput = { kind = 'image' }\nhead = { kind = 'class' }\n` +
      `encoder = { patch = 4, width = 8, layers = 1, attention = { num_heads = 2 } }\n${kTrain}`,
  };
  for (const [name, recipe] of Object.entries(recipes)) {
    writeFileSync(at(`${name}.toml`), recipe);
    heed(program, "train", at(`${name}.toml`), "--out", at(name));
  }
  return at;
}

/** heed look, until stop() is called. */
export async function look(program, ...words) {
  const child = spawn(program, ["look", ...words, "--port", "0"], { stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  let wrong = "";
  child.stderr.on("data", (part) => (wrong += part));
  const ended = new Promise((resolve) => child.on("exit", (code, signal) => resolve(code ?? signal)));
  const address = await new Promise((resolve, reject) => {
    child.stdout.on("data", (part) => {
      said += part;
      if (said.includes("\n")) resolve(said.trim());
    });
    void ended.then((code) => reject(new Error(`heed look ended with ${code}: ${wrong}`)));
  });
  return {
    address,
    stop: () => {
      child.kill("SIGTERM");
      return ended;
    },
  };
}
