"""Serves one GGUF model on loopback with llama.cpp's HTTP server: /v1/chat/completions, /v1/responses,
/v1/messages and /v1/models, streamed or not. Started by tools/real-model.sh, which brings xllamacpp.

Prints `READY http://<host>:<port>` once it answers, and ends when its standard input does, so that it never
outlives the test that started it.
"""

import argparse
import pathlib
import sys
import time
import urllib.error
import urllib.request

import xllamacpp

ALIAS = "smollm2"


def parameters(arguments: argparse.Namespace) -> xllamacpp.CommonParams:
    params = xllamacpp.CommonParams()
    params.model.path = arguments.model
    params.model_alias = {ALIAS}
    params.hostnames = [arguments.host]
    params.port = arguments.port
    params.api_keys = [arguments.api_key] if arguments.api_key else []
    params.cpuparams.n_threads = arguments.threads
    params.cpuparams_batch.n_threads = arguments.threads
    # Two at once: a call that was left must not keep the next one waiting. 2,048 tokens of context each.
    params.n_parallel = 2
    params.n_ctx = 4096
    # At temperature 0 the same prompt shall give the same text. A prompt that is half in the cache is computed in
    # other batches, which round otherwise.
    params.cache_prompt = False
    params.ui = False
    params.verbosity = -1
    # The model's own template knows no tools.
    params.chat_template = pathlib.Path(__file__).with_name("real-model.jinja").read_text()
    return params


def wait_until_healthy(address: str, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            urllib.request.urlopen(f"{address}/health", timeout=5).close()
            return
        except (urllib.error.URLError, OSError) as error:  # 503 while the model loads
            if time.monotonic() > deadline:
                sys.exit(f"real-model: not healthy after {seconds} s: {error}")
            time.sleep(0.05)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True, help="path of the GGUF file")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0: any free port")
    parser.add_argument("--threads", type=int, default=1, help="more wait for each other on a busy machine")
    parser.add_argument("--api-key", default="", help="refuse calls without it")
    arguments = parser.parse_args()
    server = xllamacpp.Server(parameters(arguments))
    wait_until_healthy(server.listening_address, 60)
    print(f"READY {server.listening_address}", flush=True)
    sys.stdin.buffer.read()


main()
