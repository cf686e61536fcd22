"""Switches stacks."""

REQUIRES = ["greenlet"]


def main(port):
    import greenlet

    main = greenlet.getcurrent()
    child = greenlet.greenlet(lambda n: main.switch(n + 1) * 2)
    assert child.switch(1) == 2 and child.switch(5) == 10
