"""What a tree of processes costs, read from /proc: CPU time and private memory."""

import os

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def tree(pid: int) -> list[int]:
    """The process and all its descendants, parents first."""
    found = [pid]
    for process in found:
        found += _children(process)
    return found


def _children(pid: int) -> list[int]:
    children = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children") as file:
                children += map(int, file.read().split())
    except OSError:
        pass  # The process, or one of its threads, ended meanwhile.
    return children


def cpu_seconds(pid: int) -> float:
    """CPU time, user and system, of the process and of those children of it that have ended and been waited for."""
    return sum(_own_and_children_seconds(pid))


def own_cpu_seconds(pid: int) -> dict[int, float]:
    """CPU time of each process of the tree, without its children's."""
    return {process: _own_and_children_seconds(process)[0] for process in tree(pid)}


def _own_and_children_seconds(pid: int) -> tuple[float, float]:
    try:
        with open(f"/proc/{pid}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        user, system, children_user, children_system = map(int, fields[11:15])
        # The scheduler counts running threads in nanoseconds; threads that have ended are in the ticks only.
        own = max((user + system) / TICKS_PER_SECOND, _running_threads_seconds(pid))
    except OSError:
        return 0.0, 0.0
    return own, (children_user + children_system) / TICKS_PER_SECOND


def _running_threads_seconds(pid: int) -> float:
    nanoseconds = 0
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/schedstat") as file:
            nanoseconds += int(file.read().split()[0])
    return nanoseconds / 1e9


def tree_cpu_seconds(pid: int) -> float:
    """CPU time of the process, its descendants and the ended children of each."""
    return sum(map(cpu_seconds, tree(pid)))


def private_bytes(pid: int) -> int:
    """Memory that only this process uses: what would be free again if it ended."""
    with open(f"/proc/{pid}/smaps_rollup") as file:
        sizes = dict(line.split(":", 1) for line in file.readlines()[1:])
    return sum(int(sizes[name].split()[0]) * 1024 for name in ("Private_Clean", "Private_Dirty"))
