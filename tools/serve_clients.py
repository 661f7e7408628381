#!/usr/bin/env python3
"""Asks `heed serve` as its users do: by curl, or by OpenAI's Python package.

    tools/serve_clients.py curl HEED [MODEL...]
    tools/serve_clients.py openai HEED [MODEL...]

Without models those asked are a small embedder that `heed train` makes and a tiny chat model. Prints a line a check and exits with
1 where an answer is wrong. Where the client is not installed nothing is asked, a line SKIPPED says so, and the exit code is 77.
`./dev clients` installs the package into build/clients, where this looks for it, and runs both.
"""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
PYTHON = ROOT / "build/clients/bin/python3"  # that has openai
NOT_RUN = 77

EMBEDDER = """
data.train = '{folder}/train.csv'
out = '{folder}/embedder'
seed = 1
[input]
kind = "text"
column = "text"
pair = "like"
tokenizer = {{ kind = "words", size = 50 }}
[encoder]
kind = "text"
width = 16
layers = 1
attention = {{ num_heads = 2 }}
[head]
kind = "embedding"
[train]
epochs = 1
batch = 4
"""


class Checks:
    def __init__(self):
        self.wrong = 0

    def check(self, name, good, said=""):
        print(("ok    " if good else "WRONG ") + name, "" if good else said, flush=True)
        self.wrong += not good

    def raises(self, name, kind, call, code=None):
        try:
            self.check(name, False, call())
        except kind as error:
            self.check(name, code is None or error.code == code, str(error))


def small_models(heed, folder):
    """An embedder and a chat model of a few letters."""
    sys.path.insert(0, str(ROOT / "tests/mutants"))
    import gguf

    rows = ["red house,a red house", "blue boat,the blue boat", "green sea,green sea here", "a small dog,small dog"]
    (folder / "train.csv").write_text("text,like\n" + "\n".join(rows * 4) + "\n")
    (folder / "embedder.toml").write_text(EMBEDDER.format(folder=folder))
    subprocess.run([heed, "train", folder / "embedder.toml"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    template = "{% for message in messages %}{{ message['content'] }}{% endfor %}"
    pairs = gguf.pairs() + [("tokenizer.chat_template", gguf.TEXT, template)]
    (folder / "letters.gguf").write_bytes(gguf.file_of(pairs, gguf.tensors()))
    return [str(folder / "embedder"), str(folder / "letters.gguf")]


def curl(address, path, body=None):
    command = ["curl", "-sS", "--max-time", "60", "-w", "\n%{http_code}", address + path]
    if body is not None:
        command += ["-H", "Content-Type: application/json", "-d", json.dumps(body)]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    answer, status = text.rsplit("\n", 1)
    return int(status), answer


def by_curl(checks, address):
    for path in ("/health", "/ready", "/metrics", "/openapi.json", "/v1/models"):
        status, said = curl(address, path)
        checks.check(f"curl {path}", status == 200, said)
    status, said = curl(address, "/v1/embeddings", {"input": ["a", "b"]})
    checks.check("curl /v1/embeddings", status == 200 or json.loads(said)["error"]["message"], said)
    status, said = curl(address, "/v1/completions", {"prompt": "a", "max_tokens": 3})
    writes = status == 200
    checks.check("curl /v1/completions", writes or json.loads(said)["error"]["message"], said)
    status, said = curl(address, "/v1/completions", {"prompt": "a", "max_tokens": 3, "stream": True})
    checks.check("curl /v1/completions, streamed", not writes or said.strip().endswith("[DONE]"), said)
    status, said = curl(address, "/v1/completions", {"prompt": "a", "n": 99})
    checks.check("curl a refusal", 400 <= status < 500 and json.loads(said)["error"]["message"], said)
    checks.check("curl what there is not", curl(address, "/nothing")[0] == 404)


def embeddings(checks, client, model):
    one = client.embeddings.create(model=model, input=["a", "b"])  # asks for base64
    same = client.embeddings.create(model=model, input=["a", "b"], encoding_format="float")
    checks.check("openai embeddings.create", len(one.data) == 2 and one.data[0].embedding == same.data[0].embedding)
    checks.check("openai embeddings' usage", one.usage.prompt_tokens > 0, one.usage)


def completions(checks, client, model):
    import openai

    asked = {"model": model, "prompt": "a", "max_tokens": 5, "temperature": 0}
    whole = client.completions.create(**asked, logprobs=0)
    parts = list(client.completions.create(**asked, stream=True, stream_options={"include_usage": True}))
    text = "".join(choice.text for part in parts for choice in part.choices)
    checks.check("openai completions.create, whole and streamed", text == whole.choices[0].text, text)
    checks.check("openai completions' usage at the end", parts[-1].usage == whole.usage, parts[-1])
    checks.check("openai completions' log-probabilities", all(x < 0 for x in whole.choices[0].logprobs.token_logprobs))
    drawn = client.completions.create(model=model, prompt="a", max_tokens=5, n=3, seed=4)
    again = client.completions.create(model=model, prompt="a", max_tokens=5, n=3, seed=4)
    checks.check("openai three draws, the same again",
                 len(drawn.choices) == 3 and [x.text for x in drawn.choices] == [x.text for x in again.choices])
    checks.raises("openai BadRequestError", openai.BadRequestError,
                  lambda: client.completions.create(model=model, prompt="a", max_tokens=10**6), "context_length_exceeded")


def chats(checks, client, model):
    import openai

    messages = [{"role": "system", "content": "ab"}, {"role": "user", "content": [{"type": "text", "text": "a"}]}]
    asked = {"model": model, "messages": messages, "max_completion_tokens": 5, "temperature": 0}
    try:
        whole = client.chat.completions.create(**asked, logprobs=True)
    except openai.BadRequestError as error:
        return checks.check("openai: no model that chats, said", "chat" in str(error), str(error))
    parts = list(client.chat.completions.create(**asked, stream=True))
    text = "".join(choice.delta.content or "" for part in parts for choice in part.choices)
    checks.check("openai chat.completions.create, whole and streamed", text == whole.choices[0].message.content, text)
    checks.check("openai chats' log-probabilities", all(x.logprob < 0 for x in whole.choices[0].logprobs.content))
    checks.check("openai chats' reason", parts[-1].choices[0].finish_reason in ("stop", "length"), parts[-1])
    with client.chat.completions.create(**asked | {"max_completion_tokens": 50}, stream=True) as leaving:
        next(iter(leaving))
    checks.check("openai a chat after one that was left", bool(client.chat.completions.create(**asked).id))
    for key, value in (("tools", [{"type": "function", "function": {"name": "f", "parameters": {}}}]),
                       ("response_format", {"type": "json_object"}), ("top_logprobs", 2)):
        checks.raises(f"openai refuses {key} by name", openai.BadRequestError,
                      lambda: client.chat.completions.create(**asked, **{key: value}), "unsupported_parameter")


def by_openai(checks, address):
    import openai

    client = openai.OpenAI(base_url=address + "/v1", api_key="any", max_retries=0)
    models = [model.id for model in client.models.list()]
    checks.check("openai models.list", bool(models))
    for model in models:
        asked = {"/v1/embeddings": ({"input": "a"}, embeddings), "/v1/completions": ({"prompt": "a", "max_tokens": 1}, completions),
                 "/v1/chat/completions": ({"messages": [{"role": "user", "content": "a"}], "max_tokens": 1}, chats)}
        for path, (body, checked) in asked.items():
            try:
                client.post(path.removeprefix("/v1"), body={"model": model, **body}, cast_to=object)
            except openai.APIStatusError:
                continue
            checked(checks, client, model)
    checks.raises("openai NotFoundError", openai.NotFoundError,
                  lambda: client.embeddings.create(model="nobody", input="a"), "model_not_found")


def asks(client, heed, models):
    checks = Checks()
    with tempfile.TemporaryDirectory(prefix="heed-clients-") as folder:
        models = models or small_models(heed, pathlib.Path(folder))
        server = subprocess.Popen([heed, "serve", *models, "--port", "0"],
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            address = server.stdout.readline().strip().rstrip("/")
            (by_curl if client == "curl" else by_openai)(checks, address)
        finally:
            server.send_signal(signal.SIGTERM)
            checks.check("SIGTERM ends it with 0", server.wait(90) == 0)
    return 1 if checks.wrong else 0


def main():
    if len(sys.argv) < 3 or sys.argv[1] not in ("curl", "openai"):
        sys.exit(__doc__)
    if sys.argv[1] == "curl" and not shutil.which("curl"):
        print("SKIPPED: curl is not installed")
        sys.exit(NOT_RUN)
    if sys.argv[1] == "openai":
        try:
            import openai  # noqa: F401
        except ImportError:
            if PYTHON.exists() and pathlib.Path(sys.prefix) != PYTHON.parent.parent:
                os.execv(PYTHON, [str(PYTHON), *sys.argv])
            print("SKIPPED: the package openai is not installed; ./dev clients installs it into build/clients")
            sys.exit(NOT_RUN)
    sys.exit(asks(sys.argv[1], sys.argv[2], sys.argv[3:]))


if __name__ == "__main__":
    main()
