#!/usr/bin/env python3
"""Asks `heed serve` by curl, and by OpenAI's Python package where that is installed.

    tools/serve_clients.py HEED MODEL...

Asks what the models can do, prints a line a check, and exits with 1 where an answer is wrong.
"""
import json
import signal
import subprocess
import sys


def curl(address, path, body=None):
    command = ["curl", "-sS", "--max-time", "60", "-w", "\n%{http_code}", address + path]
    if body is not None:
        command += ["-H", "Content-Type: application/json", "-d", json.dumps(body)]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    answer, status = text.rsplit("\n", 1)
    return int(status), answer


class Checks:
    def __init__(self):
        self.wrong = 0

    def check(self, name, good, said=""):
        print(("ok    " if good else "WRONG ") + name, "" if good else said)
        self.wrong += not good


def by_curl(checks, address):
    for path in ("/health", "/ready", "/metrics", "/openapi.json", "/info", "/v1/models"):
        status, said = curl(address, path)
        checks.check(f"curl {path}", status == 200, said)
    status, said = curl(address, "/v1/embeddings", {"input": ["a", "b"]})
    embeds = status == 200
    checks.check("curl /v1/embeddings", embeds or json.loads(said)["error"]["message"], said)
    status, said = curl(address, "/v1/completions", {"prompt": "a", "max_tokens": 3})
    writes = status == 200
    checks.check("curl /v1/completions", writes or json.loads(said)["error"]["message"], said)
    status, said = curl(address, "/v1/completions", {"prompt": "a", "max_tokens": 3, "stream": True})
    checks.check("curl /v1/completions, streamed", not writes or said.strip().endswith("[DONE]"), said)
    return embeds, writes


def by_openai(checks, address, embeds, writes):
    try:
        import openai
    except ImportError:
        print("      the package openai is not installed")
        return
    client = openai.OpenAI(base_url=address + "/v1", api_key="any", max_retries=0)
    models = [model.id for model in client.models.list()]
    checks.check("openai models.list", bool(models))
    if embeds:
        one = client.embeddings.create(model=models[0], input=["a", "b"])  # asks for base64
        same = client.embeddings.create(model=models[0], input=["a", "b"], encoding_format="float")
        checks.check("openai embeddings.create", len(one.data) == 2 and one.data[0].embedding == same.data[0].embedding)
    if writes:
        whole = client.completions.create(model=models[-1], prompt="a", max_tokens=5, temperature=0)
        parts = client.completions.create(model=models[-1], prompt="a", max_tokens=5, temperature=0, stream=True)
        text = "".join(choice.text for part in parts for choice in part.choices)
        checks.check("openai completions.create, whole and streamed", text == whole.choices[0].text, text)
    try:
        client.embeddings.create(model="nobody", input="a")
        checks.check("openai NotFoundError", False)
    except openai.NotFoundError as error:
        checks.check("openai NotFoundError", error.code == "model_not_found", str(error))


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    server = subprocess.Popen([sys.argv[1], "serve", *sys.argv[2:], "--port", "0"],
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    checks = Checks()
    try:
        address = server.stdout.readline().strip().rstrip("/")
        embeds, writes = by_curl(checks, address)
        by_openai(checks, address, embeds, writes)
    finally:
        server.send_signal(signal.SIGTERM)
        checks.check("SIGTERM ends it with 0", server.wait(90) == 0)
    sys.exit(1 if checks.wrong else 0)


if __name__ == "__main__":
    main()
