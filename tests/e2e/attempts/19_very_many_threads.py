"""Starts threads until nothing is left for others."""

import threading


def start_threads(outside):
    enough = threading.Event()
    threads = [threading.Thread(target=enough.wait) for _ in range(700)]
    started = []
    try:
        for thread in threads:
            thread.start()
            started.append(thread)
    finally:
        enough.set()
        for thread in started:
            thread.join()
    return len(started)
