"""The text of tracebacks that pass the border.

The error that JavaScript sees of a Python exception has the whole traceback as its message, so an exception that passes the
border many times on its way up would be formatted anew at each crossing. But a traceback grows at its outer end only: the
text of the frames that were there at the last crossing is kept, and only the new ones are formatted.

To format one frame, Python looks at its source file and parses the line. The same places fail again and again, so what came
out is kept for some of them.
"""

import sys
import traceback

HEADING = "Traceback (most recent call last):\n"

# Python tells how often a frame was repeated, instead of showing it more often than this.
REPEATED_MAX = 3

PLACES_MAX = 256
# The text of frames by their code's address, instruction and line, with the code, so that no other gets its address.
places = {}


class Formatted:
    """The text of a traceback in parts. It knows the traceback by address only, so that it keeps no frame alive."""

    def __init__(self, error, above, frames):
        self.outermost, self.origin = id(error.__traceback__), origin(error)
        self.above, self.frames = above, frames


last = None


def text(error):
    """The traceback as Python prints it."""
    global last
    message = traceback.format_exception_only(error)
    last = grown(error) or alone(error) or whole(error, len(message))
    if last is None:
        return "".join(traceback.format_exception(error))
    return "".join([last.above, last.frames, *message])


def origin(error):
    """Which other exceptions the text above the frames tells of."""
    return id(error.__cause__), id(error.__context__), error.__suppress_context__


def grown(error):
    """The last text with the frames that came after; None if it was another's."""
    # What `sys` holds is still what it was then, or it would not have the same address.
    known = getattr(sys, "last_traceback", None)
    if last is None or getattr(sys, "last_exc", None) is not error or id(known) != last.outermost or origin(error) != last.origin:
        return None
    frame, count = error.__traceback__, 0
    while frame is not known:
        if frame is None:
            return None
        frame, count = frame.tb_next, count + 1
    added = traceback.format_tb(error.__traceback__, limit=count) if count else []
    return Formatted(error, last.above, "".join(added) + last.frames)


def alone(error):
    """The text of an exception that no other belongs to; None if the frames are to be shown in another way than one by one."""
    other = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if other is not None or isinstance(error, BaseExceptionGroup) or hasattr(sys, "tracebacklimit"):
        return None
    frames = frame_by_frame(error.__traceback__)
    return frames and Formatted(error, HEADING, frames)


def frame_by_frame(frame):
    lines, latest, repeated = [], None, 0
    while frame is not None:
        place = id(frame.tb_frame.f_code), frame.tb_lasti, frame.tb_lineno
        repeated = repeated + 1 if place == latest else 1
        if repeated > REPEATED_MAX:
            return None
        lines.append(text_at(place, frame))
        frame, latest = frame.tb_next, place
    return "".join(lines)


def text_at(place, frame):
    if place not in places:
        if len(places) == PLACES_MAX:
            places.clear()
        places[place] = "".join(traceback.format_tb(frame, limit=1)), frame.tb_frame.f_code
    return places[place][0]


def whole(error, message_count):
    """All of the text; None if it has another shape, as that of an exception group."""
    lines = traceback.format_exception(error)
    if isinstance(error, BaseExceptionGroup) or HEADING not in lines:
        return None
    frames = len(lines) - lines[::-1].index(HEADING)
    return Formatted(error, "".join(lines[:frames]), "".join(lines[frames : len(lines) - message_count]))
